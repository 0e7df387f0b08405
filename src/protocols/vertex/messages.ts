/** Anthropic Messages at Google Cloud: the model is in the path, and the version in the body. */

import { SendError } from "../../contract/errors.ts";
import { anthropicMessages } from "../anthropic-messages/protocol.ts";
import { anthropicTokenCounting } from "../anthropic-messages/token-counting.ts";
import { withRequests } from "../common/changed-requests.ts";
import { geminiError } from "../gemini/errors.ts";
import type { Protocol, TokenCounting } from "../protocol.ts";

/** The one version that Google Cloud takes. */
const VERSION = "vertex-2023-10-16";

/** Constant, so that a client puts them together with its key once. */
const NO_HEADERS = {} as const;

/** @see https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/count-tokens */
const counting: TokenCounting = {
  countRequest(request, endpoint) {
    const { body } = anthropicTokenCounting.countRequest(request, endpoint);
    return {
      url: `${endpoint.baseUrl}/publishers/anthropic/models/count-tokens:rawPredict`,
      headers: request.headers ?? NO_HEADERS,
      // The path names no model here.
      body: { anthropic_version: VERSION, model: endpoint.model, ...body },
    };
  },
  readCount: anthropicTokenCounting.readCount,
};

/**
 * Claude under `…/v1/projects/P/locations/L`. Errors are Anthropic's or Google's.
 * @see https://docs.anthropic.com/en/api/claude-on-vertex-ai
 */
export const vertexMessages: Protocol = /* @__PURE__ */ atGoogleCloud();

function atGoogleCloud(): Protocol {
  const protocol = withRequests(anthropicMessages, (request, { baseUrl, model }, stream) => {
    if (model.includes("/") || !model.isWellFormed())
      throw new SendError("invalidRequest", `${JSON.stringify(model)} is not the name of a model.`);
    const { model: _inThePath, ...body } = request.body;
    const beta = request.headers?.["anthropic-beta"];
    // Older names have a date: claude-haiku-4-5@20251001.
    const path = encodeURIComponent(model).replaceAll("%40", "@");
    return {
      ...request,
      url: `${baseUrl}/publishers/anthropic/models/${path}:${stream ? "streamRawPredict" : "rawPredict"}`,
      headers: beta === undefined ? NO_HEADERS : { "anthropic-beta": beta },
      body: { anthropic_version: VERSION, ...body },
    };
  });
  return { ...protocol, readError: geminiError, counting };
}
