/** A `node:http` handler that streams a reply to a browser. Leave the page, and the provider's socket closes. */

import { createServer } from "node:http";
import { SendError } from "cloudllm";
import { connect } from "./connect.ts";

const client = connect();

const server = createServer(async (request, response) => {
  const question = new URL(request.url ?? "/", "http://localhost").searchParams.get("q") ?? "Tell me a short story.";
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  try {
    const stream = await client.sendMessageStream([{ role: "user", content: question }], { signal: gone.signal });
    // Plain text, so that nothing a model writes is markup; `x-accel-buffering` keeps a proxy from collecting it.
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8", "x-accel-buffering": "no" });
    for await (const text of stream.text()) {
      if (!response.write(text)) await new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
    }
    response.end();
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    if (response.headersSent)
      response.destroy(); // never a normal end for half a reply
    else
      response.writeHead(502, { "content-type": "text/plain; charset=utf-8" }).end(`${error.kind}: ${error.message}\n`);
  }
});

server.listen(Number(process.env.PORT ?? 8787), "127.0.0.1", async () => {
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/?q=Hello`;
  console.log(`open ${url}, or: curl -N '${url}'`);
  if (!process.argv.includes("--once")) return;

  // With --once the example is its own browser, and ends.
  const page = await fetch(url);
  for await (const piece of page.body ?? []) process.stdout.write(piece);
  console.log();
  server.close();
});
