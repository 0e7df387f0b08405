/** The stream goes on in another thread: the socket stays here, the words are read there. */

import { once } from "node:events";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { type MessageChunk, MessageStream } from "cloudllm";
import { connect } from "./connect.ts";

if (isMainThread) {
  const client = connect();
  const stream = await client.sendMessageStream([{ role: "user", content: "Tell me a short story." }]);

  const worker = new Worker(new URL(import.meta.url));
  const readable = stream.toReadableStream();
  worker.postMessage(readable, [readable]);
  worker.on("message", (line: string) => console.log(line));
  await once(worker, "exit");
} else {
  parentPort?.once("message", async (readable: ReadableStream<MessageChunk>) => {
    const stream = MessageStream.from(readable);
    let words = 0;
    for await (const text of stream.text()) words += text.split(" ").length - 1;
    const { content, metrics } = await stream.finalMessage();
    parentPort?.postMessage(`the worker read ${words} words in ${metrics.chunks} chunks:\n${content}`);
    parentPort?.close();
  });
}
