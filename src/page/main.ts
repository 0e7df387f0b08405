/** The chat page of `cloudllm serve`. */

import { relayClient } from "../web/index.ts";

const chat = crypto.randomUUID();
const client = relayClient({ url: "/relay", chat });
const form = document.querySelector("form");
const text = document.querySelector("textarea");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const turn = document.querySelector("#turns")?.appendChild(document.createElement("li"));
  const stream = await client.sendMessageStream([{ role: "user", content: text?.value ?? "" }]);
  for await (const chunk of stream) turn?.append(chunk.content);
});
