/** A conversation: each reply streams, and is in the history when it is over. */

import { LLMSession } from "cloudllm";
import { connect } from "./connect.ts";

const client = connect();
const session = new LLMSession({ client, systemPrompt: "You are a helpful assistant.", maxTokens: 8_192 });

for (const question of ["Write a poem about streams.", "Now make it shorter."]) {
  console.log(`\n> ${question}`);
  for await (const chunk of await session.sendMessageStream(question)) process.stdout.write(chunk.content);
  console.log();
}

console.log(`\nturns kept: ${session.history.length}`);
console.log("paid for:", session.tokenUsage());
