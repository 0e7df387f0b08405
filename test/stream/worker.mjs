/**
 * The other thread, over the built package. A message `{ read }` brings a stream to read in some way, `{ ask }` the address of a
 * server to ask and hand the stream over. What happens here is told back.
 */
import { parentPort } from "node:worker_threads";
import { CompatibleClient, MessageStream, SendError } from "cloudllm";

parentPort.on("message", async (message) => {
  if (message.ask) return ask(message.ask);
  const stream = MessageStream.from(message.read);
  const { how } = message;
  let text = "";
  let chunks = 0;
  try {
    for await (const chunk of stream) {
      text += chunk.content;
      if (++chunks === 1) parentPort.postMessage({ began: true });
      if (how === "slowly") await new Promise((resolve) => setTimeout(resolve, 20));
      if (how === "break" && text.length > 0) break;
      if (how === "stop" && text.length > 0) void stream.stop();
      if (how === "die" && text.length > 0) process.exit();
    }
    const { content, finishReason, usage, metrics, provider, toolCalls } = await stream.finalMessage();
    parentPort.postMessage({ text, message: { content, finishReason, usage, metrics, provider, toolCalls } });
  } catch (error) {
    const isSendError = error instanceof SendError;
    parentPort.postMessage({
      text,
      error: { isSendError, ...(isSendError ? error.toJSON() : { message: String(error) }) },
    });
  }
});

let held;
async function ask({ baseUrl, hangs }) {
  const client = new CompatibleClient({ baseUrl, model: "m", retries: 0 });
  const stream = await client.sendMessageStream([{ role: "user", content: "hi" }]);
  stream.onEnd((message, error) =>
    parentPort.postMessage({ ended: { finishReason: message.finishReason, kind: error?.kind } }),
  );
  const chunks = stream.toReadableStream();
  parentPort.postMessage({ chunks }, [chunks]);
  if (hangs) held = setInterval(() => held, 1_000);
}
