/**
 * The smallest user of the published package: streams one reply from the server whose address is its argument, and
 * prints which runtime it did that on. Copied beside an install of the tarball by `test-runtimes.mjs`.
 */
import { CompatibleClient } from "cloudllm";
import { EmbeddedClient } from "cloudllm/embedded";

const baseUrl = (globalThis.Deno?.args ?? process.argv.slice(2))[0];
const client = new CompatibleClient({ baseUrl, model: "test" });

let text = "";
let finals = 0;
const stream = await client.sendMessageStream([{ role: "user", content: "hi" }]);
for await (const chunk of stream) {
  text += chunk.content;
  if (chunk.isFinal) finals += 1;
}
if (text !== "Hello, wörld 🌍!") throw new Error(`got ${JSON.stringify(text)}`);
if (finals !== 1) throw new Error(`got ${finals} final chunks`);

// The same without a network, from the weights in the package; seeded, so that the story is the same in every run.
const story = await (
  await new EmbeddedClient({ seed: 1 }).sendMessageStream([{ role: "user", content: "Tell me a story" }])
).finalMessage();
if (story.finishReason !== "stop" || story.usage.outputTokens < 20) throw new Error(`got ${JSON.stringify(story)}`);

const [name, version] = globalThis.Bun
  ? ["Bun", Bun.version]
  : globalThis.Deno
    ? ["Deno", Deno.version.deno]
    : ["Node", process.versions.node];
console.log(`ok ${name} ${version}, embedded at ${story.metrics.outputTokensPerSecond?.toFixed()} tokens/s`);
