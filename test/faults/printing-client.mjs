/** Prints everything it gets hold of, and dies of the error nobody catches. */
import { inspect } from "node:util";
import { clientOf } from "./clients.mjs";

const [protocol, transport, origin] = process.argv.slice(2);
const apiKey = process.env.SECRET;
delete process.env.SECRET;
const client = clientOf(protocol, transport, origin, apiKey);
const stream = await client.sendMessageStream([{ role: "user", content: "hi" }]);
print(client, stream);
for await (const chunk of stream) print(chunk);
print(stream, await stream.finalMessage());
await client.sendMessage([{ role: "user", content: "hi" }]).catch((error) => {
  print(error, error.cause);
  throw error;
});

function print(...things) {
  for (const thing of things)
    console.log(thing, JSON.stringify(thing), inspect(thing, { depth: 20, showHidden: true }));
}
