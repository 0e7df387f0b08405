/** What was written before the stop button is kept, and counted. Three ways to stop. */

import { SendError } from "cloudllm";
import { connect } from "./connect.ts";

const { client, close } = await connect();
const question = [{ role: "user", content: "Tell me a long story." }] as const;

// 1. Leave the loop: the socket closes; the message so far is there.
const left = await client.sendMessageStream(question);
for await (const chunk of left) if (chunk.content.includes("time")) break;
report("left the loop", (await left.finalMessage()).content);

// 2. `stop()`: a normal end, with a final chunk.
const stopped = await client.sendMessageStream(question);
for await (const chunk of stopped) {
  if (chunk.content.includes("time")) await stopped.stop();
  if (chunk.isFinal) report(`stopped (${chunk.message.finishReason})`, chunk.message.content);
}

// 3. A signal: an error, which carries everything that had arrived.
const abort = new AbortController();
try {
  for await (const chunk of await client.sendMessageStream(question, { signal: abort.signal })) {
    if (chunk.content.includes("time")) abort.abort();
  }
} catch (error) {
  if (!(error instanceof SendError)) throw error;
  report(`aborted (${error.kind})`, error.partial?.content ?? "");
  console.log("tokens, as we estimate them:", error.partial?.estimatedUsage);
}

await close();

function report(what: string, kept: string): void {
  console.log(`${what}, kept: ${JSON.stringify(kept)}`);
}
