/** Gemini at Google Cloud: the same bodies under the paths of a project. */

import { withRequests } from "../common/changed-requests.ts";
import { gemini } from "../gemini/protocol.ts";
import { geminiTokenCounting } from "../gemini/token-counting.ts";
import type { Protocol, TokenCounting } from "../protocol.ts";

/** The fields that the endpoint takes: at the top, other than at Google's other address. */
const COUNTED: readonly string[] = ["contents", "systemInstruction", "tools", "generationConfig"];

/** @see https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens */
const counting: TokenCounting = {
  countRequest: (request, endpoint) => ({
    ...geminiTokenCounting.countRequest(request, endpoint),
    body: Object.fromEntries(Object.entries(request.body).filter(([name]) => COUNTED.includes(name))),
  }),
  readCount: geminiTokenCounting.readCount,
};

/**
 * Gemini under `…/v1/projects/P/locations/L`, or under `…/v1` for keys of the express mode. A name such as
 * `endpoints/123` is a tuned model; every other name is one of Google's.
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
 */
export const vertexGemini: Protocol = /* @__PURE__ */ atGoogleCloud();

function atGoogleCloud(): Protocol {
  const protocol = withRequests(gemini, (request, { baseUrl, model }) => {
    const path = request.url.slice(`${baseUrl}/v1beta/`.length);
    return { ...request, url: `${baseUrl}/${model.includes("/") ? path : `publishers/google/${path}`}` };
  });
  return { ...protocol, counting };
}
