/** The checks behind a `fetch` handler, as edge runtimes call it. The request's query names the server. */
import { check } from "./checks.mjs";
import weights from "./toy.gguf";

const handler = {
  async fetch(request) {
    try {
      const origin = new URL(request.url).searchParams.get("origin");
      return new Response(`ok, ${await check(origin, new Uint8Array(weights))}`);
    } catch (error) {
      return new Response(`FAILED: ${error?.stack ?? error}`);
    }
  },
};
// biome-ignore lint/style/noDefaultExport: the runtime looks for it there
export default handler;
