/** The APIs that a gateway speaks, in the order in which their routes are looked for. */

import { anthropicMessages } from "../../dialects/anthropic/dialect.ts";
import type { RequestHeaders } from "../../dialects/dialect.ts";
import type { GatewayDialect, GatewayLine, GatewayRoute } from "../../dialects/gateway/dialect.ts";
import { anthropicModels, type ModelForms, openAiModels } from "../../dialects/gateway/model-lists.ts";
import { openAiChat } from "../../dialects/openai-chat/dialect.ts";
import { openAiResponses } from "../../dialects/openai-responses/dialect.ts";

/** One entry for each API. */
const DIALECTS: readonly GatewayDialect[] = [openAiChat, openAiResponses, anthropicMessages];

/** Returns the dialect for the error of a request that is not to a route of any API. */
export function dialectOf(headers: RequestHeaders): GatewayDialect {
  return isAnthropic(headers) ? anthropicMessages : openAiChat;
}

/** Returns the dialect and the route of a request; `undefined` for one of no API. */
export function gatewayRouteOf(
  line: GatewayLine,
): { readonly dialect: GatewayDialect; readonly route: GatewayRoute } | undefined {
  for (const dialect of DIALECTS) {
    const route = dialect.routeOf(line);
    if (route) return { dialect, route };
  }
  return undefined;
}

/** Returns the form of the list of models. */
export function modelFormsOf(headers: RequestHeaders): ModelForms {
  return isAnthropic(headers) ? anthropicModels : openAiModels;
}

/** Anthropic's libraries name the version of their API, OpenAI's do not. */
function isAnthropic(headers: RequestHeaders): boolean {
  return headers.has("anthropic-version");
}
