/** A request's tokens as its provider counts them: a call like any other, whose answer is a number. */

import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { Timeouts } from "../contract/timeouts.ts";
import type { TokenCount } from "../contract/token-count.ts";
import type { Endpoint, Protocol, ProtocolRequest, TokenCounting } from "../protocols/protocol.ts";

/** The default limits of a count, which needs no model: a reply may take minutes. */
const TIMEOUTS = { headers: 10_000, idle: 10_000 } as const satisfies Timeouts;

/** Returns the limits of a count: the caller's own, else short ones. */
export function countTimeouts(...given: readonly (Timeouts | undefined)[]): Timeouts {
  return Object.assign({}, TIMEOUTS, ...given);
}

/**
 * Returns a protocol whose one answer is the count of the request that `protocol` would send. So a count has the
 * attempts, limits, headers and errors of any call.
 */
export function countingProtocol(protocol: Protocol, counting: TokenCounting): Protocol {
  const countRequest = (request: ProtocolRequest, endpoint: Endpoint): ProtocolRequest => {
    const { instead } = request;
    return {
      ...counting.countRequest(request, endpoint),
      ...(instead && {
        instead: (refusal) => {
          const other = instead(refusal);
          return other && countRequest(other, endpoint);
        },
      }),
    };
  };
  return {
    buildRequest: (messages, options, endpoint) =>
      countRequest(protocol.buildRequest(messages, options, endpoint, false), endpoint),
    createDecoder: protocol.createDecoder,
    decodeComplete(body, facts) {
      const count = typeof body === "object" && body !== null ? counting.readCount({ ...body }) : undefined;
      if (!count) throw new SendError("protocol", `${facts.provider} answered without a count of tokens.`);
      const { inputTokens } = count;
      facts.usage = { ...count, outputTokens: 0, totalTokens: inputTokens };
      facts.finishReason = "stop";
    },
    readError: protocol.readError,
  };
}

/** Returns the count that the answer to a counting request holds. */
export function tokenCountOf({ usage, requestId }: AssistantMessage): TokenCount {
  const { inputTokens = 0, cachedInputTokens } = usage ?? {};
  return {
    inputTokens,
    source: "provider",
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(requestId !== undefined && { requestId }),
  };
}

/** Returns whether a server has no such endpoint: one that speaks a provider's format seldom counts as well. */
export function lacksCounting(error: unknown): boolean {
  return error instanceof SendError && (error.status === 404 || error.status === 405 || error.status === 501);
}
