/** The contract behind a `fetch` handler, as edge runtimes call it: `/direct` or `/breaking`. */
import { keepContract } from "./contract.mjs";

const handler = {
  async fetch(request, { ORIGIN }) {
    try {
      return new Response(`ok, ${await keepContract(ORIGIN, new URL(request.url).pathname.slice(1))}`);
    } catch (error) {
      return new Response(`FAILED: ${error?.stack ?? error}`);
    }
  },
};
// biome-ignore lint/style/noDefaultExport: the runtime looks for it there
export default handler;
