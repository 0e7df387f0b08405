// A program on a company's laptop: `node laptop.mjs proxy|agent BASE_URL`. Prints two streamed replies, or the error.
import { CompatibleClient } from "cloudllm";

const [way, baseUrl] = process.argv.slice(2);
const client = new CompatibleClient({
  model: "m",
  baseUrl,
  apiKey: process.env.KEY,
  retries: { max: 0 },
  ...(await options()),
});
try {
  for (let call = 0; call < 2; call++) {
    const stream = await client.sendMessageStream([{ role: "user", content: "Hello?" }]);
    for await (const text of stream.text()) process.stdout.write(text);
    process.stdout.write("\n");
  }
} catch (error) {
  console.log(`${error.kind}: ${error.message}`);
}

async function options() {
  if (way === "proxy") return { proxy: true };
  const { HttpsProxyAgent } = await import(process.env.AGENT_LIBRARY);
  return { agent: new HttpsProxyAgent(process.env.AGENT_PROXY, { keepAlive: true }) };
}
