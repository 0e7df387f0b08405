/** A program that does something with a stream and then has nothing more to do. Usage: port, shape, what. */

import { CompatibleClient, fallback, hedge, rateLimit } from "cloudllm";

const [, , port, shape, what] = process.argv;

const make = (options = {}) =>
  new CompatibleClient({ baseUrl: `http://127.0.0.1:${port}/v1`, model: "m", apiKey: "k", retries: 0, ...options });

const SHAPES = {
  client: () => make(),
  recovering: () => make({ recover: "continue" }),
  fallback: () => fallback([make(), make()], { firstChunkWithinMs: 60_000, recover: "restart" }),
  hedge: () => hedge(make(), make(), { afterMs: 60_000 }),
  limited: () => rateLimit(make(), { concurrency: 1, requestsPerMinute: 9 }),
};

const stream = await SHAPES[shape]().sendMessageStream([{ role: "user", content: "hi" }], {
  timeouts: { total: 60_000 },
});
const chunks = stream[Symbol.asyncIterator]();
if (what !== "nothing" && what !== "reads late") process.stdout.write((await chunks.next()).value.content);
if (what === "waits") for (let at = 0; at < 3; at++) process.stdout.write((await chunks.next()).value.content);
if (what === "stops") await stream.stop();
if (what === "breaks") await chunks.return();
if (what === "drains") void stream.stop({ drain: { withinMs: 100 } });

// The connection of a reply that is whole is the next call's: reading the first late says nothing about the second.
if (what === "reads late") {
  const client = new CompatibleClient({ baseUrl: `http://127.0.0.1:${port}/v1`, model: "whole", apiKey: "k" });
  const question = [{ role: "user", content: "hi" }];
  const first = await client.sendMessageStream(question);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const second = client.sendMessage(question);
  for await (const chunk of first.text()) process.stdout.write(chunk);
  process.stdout.write((await second).content);
}
