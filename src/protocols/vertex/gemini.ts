/** Gemini at Google Cloud: the same bodies under the paths of a project. */

import { withRequests } from "../common/changed-requests.ts";
import { gemini } from "../gemini/protocol.ts";
import type { Protocol } from "../protocol.ts";

/**
 * Gemini under `…/v1/projects/P/locations/L`, or under `…/v1` for keys of the express mode. A name such as
 * `endpoints/123` is a tuned model; every other name is one of Google's.
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
 */
export const vertexGemini: Protocol = /* @__PURE__ */ withRequests(gemini, (request, { baseUrl, model }) => {
  const path = request.url.slice(`${baseUrl}/v1beta/`.length);
  return { ...request, url: `${baseUrl}/${model.includes("/") ? path : `publishers/google/${path}`}` };
});
