/** The wire of `useChat` of the AI SDK, versions 5.0.95 to 7, as a dialect of the relay. */

import type { AssistantMessage } from "../../contract/message.ts";
import { allNames, checkNames } from "../../contract/unknown-option.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import { type Dialect, type EncoderOf, jsonBody } from "../dialect.ts";
import { AiSdkEncoder } from "./encoder.ts";
import { uiMessagesOf } from "./history.ts";
import { startOf } from "./request.ts";
import { aiSdkRouteOf } from "./route.ts";

/** The options of `aiSdkWith`. */
export interface AiSdkOptions {
  /**
   * Returns the metadata of a message that is complete, or was stopped: `message.metadata` of `useChat`. An application
   * with a `messageMetadataSchema` fails at metadata that do not fit it.
   * @default none
   * @example ({ usage }) => ({ usage })
   */
  readonly metadata?: ((message: AssistantMessage) => unknown) | undefined;
  /**
   * Whether the reason of the end is sent. Versions before 5.0.95 fail at it.
   * @default true
   */
  readonly finishReason?: boolean | undefined;
  /**
   * Whether all front ends are of version 7. Then a reply that begins again (`recover` of the client) replaces its
   * text. Older versions cannot take text back: such a reply ends there with an error.
   * @default false
   */
  readonly resetStep?: boolean | undefined;
}

/**
 * The wire of `useChat` with the default transport: pass it to `createRelay` as `dialect`, or to `handlerFor`.
 * @see https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol
 */
export const aiSdk: Dialect = aiSdkWith({});

/**
 * Returns the same with options.
 * @throws {TypeError} when an option is unknown
 */
export function aiSdkWith(options: AiSdkOptions): Dialect {
  checkNames(options, allNames<AiSdkOptions>({ metadata: true, finishReason: true, resetStep: true }));
  const { metadata, finishReason = true, resetStep = false } = options;
  const encoderOf =
    (isReplay: boolean): EncoderOf =>
    (view) =>
      new AiSdkEncoder(view, { metadata, finishReason, resetStep, isReplay });
  const replay = encoderOf(true);
  return {
    name: "aiSdk",
    headers: { "x-vercel-ai-ui-message-stream": "v1" },
    onBusy: "replace",
    routeOf(request, mount) {
      const route = aiSdkRouteOf(request, mount);
      return route.name === "attach" ? { ...route, encoder: replay } : route;
    },
    startOf: (body, _headers, context) => startOf(body, context),
    stopOf: (body) => ({ run: isJsonObject(body) ? (body.activeStreamId ?? undefined) : undefined }),
    encoder: encoderOf(false),
    // The page shows the whole body as the message of its error.
    refusal: ({ message }) => ({ contentType: "text/plain; charset=utf-8", text: message }),
    history: (history) => jsonBody(uiMessagesOf(history)),
    stopped: () => jsonBody({ success: true }),
  };
}
