/** A reply appears as it is written. */

import { connect } from "./connect.ts";

const client = connect();

const stream = await client.sendMessageStream([
  { role: "system", content: "You are a helpful assistant." },
  { role: "user", content: "Tell me a short story about a reply that could not wait." },
]);
for await (const chunk of stream) process.stdout.write(chunk.content);

const { usage, finishReason, metrics } = await stream.finalMessage();
console.log(`\n\nended with: ${finishReason}`);
console.log(
  `first token after ${metrics.timeToFirstChunkMs?.toFixed(0)} ms, all after ${metrics.durationMs.toFixed(0)} ms`,
);
console.log(`tokens: ${usage?.inputTokens} in, ${usage?.outputTokens} out`);
