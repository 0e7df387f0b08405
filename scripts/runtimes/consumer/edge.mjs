/** The checks, and a relay, behind a `fetch` handler, as edge runtimes call it. */

import { memoryLog } from "cloudllm/server";
import { check } from "./checks.mjs";
import { relayOf } from "./relay.mjs";
import weights from "./toy.gguf";

/** What outlives a request: its timers and connections do not, so each one has a relay of its own. */
const log = memoryLog();

const handler = {
  async fetch(request, { ORIGIN }, context) {
    if (new URL(request.url).pathname.startsWith("/relay")) {
      return relayOf(ORIGIN, { log, waitUntil: (work) => context.waitUntil(work) })(request);
    }
    try {
      return new Response(`ok, ${await check(ORIGIN, new Uint8Array(weights))}`);
    } catch (error) {
      return new Response(`FAILED: ${error?.stack ?? error}`);
    }
  },
};
// biome-ignore lint/style/noDefaultExport: the runtime looks for it there
export default handler;
