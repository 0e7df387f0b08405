/** Anthropic Messages at Amazon Bedrock, which lacks some of Anthropic's features. */

import { anthropicMessages } from "../anthropic-messages/protocol.ts";
import { type Protocol, requestContext, type TokenCounting } from "../protocol.ts";
import { bedrockError } from "./errors.ts";

/**
 * Claude under `…/anthropic`, where Amazon counts no tokens.
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html
 */
export const bedrockMessages: Protocol = /* @__PURE__ */ atAmazon();

/** Claude at the service that is called mantle, which counts tokens. */
export const mantleMessages: Protocol = /* @__PURE__ */ atAmazon(anthropicMessages.counting);

function atAmazon(counting?: TokenCounting): Protocol {
  const { createDecoder, decodeComplete } = anthropicMessages;
  return {
    buildRequest(messages, options, endpoint, stream) {
      const { output, search, ...others } = options;
      const { unsupported } = requestContext(options, endpoint, {});
      if (output !== undefined) unsupported("`output`", "Describe the answer in a tool's `parameters`.");
      if (search !== undefined && search.mode !== "off") unsupported("`search`");
      return anthropicMessages.buildRequest(messages, others, endpoint, stream);
    },
    createDecoder,
    decodeComplete,
    readError: bedrockError,
    ...(counting && { counting }),
  };
}
