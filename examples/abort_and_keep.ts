/** Three ways to stop a reply. Each keeps and counts the text so far. */

import { completeUsageOf, type MessageStream, SendError } from "cloudllm";
import { connect } from "./connect.ts";

const client = connect();
const question = [{ role: "user", content: "Tell me a long story." }] as const;

// 1. Leave the loop: the socket closes; the message so far is there.
const left = await client.sendMessageStream(question);
for await (const _chunk of left) if (isEnough(left)) break;
report("left the loop", (await left.finalMessage()).content);

// 2. `stop()`: a normal end, with a final chunk.
const stopped = await client.sendMessageStream(question);
for await (const chunk of stopped) {
  if (isEnough(stopped)) await stopped.stop();
  if (chunk.isFinal) report(`stopped (${chunk.message.finishReason})`, chunk.message.content);
}

// 3. A signal: an error, which has everything that arrived.
const abort = new AbortController();
try {
  const aborted = await client.sendMessageStream(question, { signal: abort.signal });
  for await (const _chunk of aborted) if (isEnough(aborted)) abort.abort();
} catch (error) {
  if (!(error instanceof SendError)) throw error;
  report(`aborted (${error.kind})`, error.partial?.content ?? "");
  console.log("tokens, counted or estimated:", completeUsageOf(error.partial ?? {}));
}

/** Whether some words have arrived. */
function isEnough(stream: MessageStream): boolean {
  return stream.metrics.chunks >= 12;
}

function report(what: string, kept: string): void {
  console.log(`${what}, kept: ${JSON.stringify(kept)}`);
}
