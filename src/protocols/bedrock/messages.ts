/** Anthropic Messages at Amazon Bedrock, which lacks some of Anthropic's features. */

import type { Message } from "../../contract/message.ts";
import type { SendOptions } from "../../contract/options.ts";
import { anthropicMessages } from "../anthropic-messages/protocol.ts";
import { type Endpoint, type Protocol, requestContext } from "../protocol.ts";
import { bedrockError } from "./errors.ts";

/**
 * Claude under `…/anthropic`.
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html
 */
export const bedrockMessages: Protocol = /* @__PURE__ */ Object.assign({}, anthropicMessages, {
  buildRequest(messages: readonly Message[], options: SendOptions, endpoint: Endpoint, stream: boolean) {
    const { output, search, ...others } = options;
    const { unsupported } = requestContext(options, endpoint, {});
    if (output !== undefined) unsupported("`output`", "Describe the answer in a tool's `parameters`.");
    if (search !== undefined && search.mode !== "off") unsupported("`search`");
    return anthropicMessages.buildRequest(messages, others, endpoint, stream);
  },
  readError: bedrockError,
} satisfies Pick<Protocol, "buildRequest" | "readError">);
