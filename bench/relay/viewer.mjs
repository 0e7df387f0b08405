/** Viewers: plain connections, the same for every site, so that no client is measured. */
import { Agent, request } from "node:http";
import { question } from "../request.mjs";

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
const LIMIT_MS = 20_000;
const messages = [{ role: "user", content: question }];

/** Starts a reply, and calls `onBytes` with each piece of the response. Resolves when it is over. */
export function start(port, run, onBytes) {
  const body = JSON.stringify({ run, messages });
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body), "x-run-id": run };
  return ask(port, { method: "POST", path: "/", headers }, body, onBytes);
}

/** Attaches to a running reply. */
export function attach(port, run, onBytes) {
  return ask(port, { path: `/${run}/stream?run=${run}` }, undefined, onBytes);
}

/** The id of a new run. */
export function runId() {
  return crypto.randomUUID().replaceAll("-", "");
}

/** The text that the events of a body make, in the words of any of the sites. */
export function textOf(body) {
  let text = "";
  for (const line of body.split("\n")) {
    if (!line.startsWith("data: {")) continue;
    const event = JSON.parse(line.slice("data: ".length));
    if (event.chunks) for (const chunk of event.chunks) text += chunk.content;
    else if (event.texts) text += event.texts.join("");
    else if (event.type === undefined || event.type === "text-delta" || event.type === "TEXT_MESSAGE_CONTENT")
      text += event.text ?? event.delta ?? "";
  }
  return text;
}

/** Rejects when nothing comes for a while. */
function ask(port, options, body, onBytes) {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, agent, ...options }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
      response.on("data", onBytes).on("end", resolve).on("error", reject);
      response.on("close", () => reject(new Error("the response was cut")));
    });
    asked.setTimeout(LIMIT_MS, () => asked.destroy(new Error(`nothing came for ${LIMIT_MS / 1_000} s`)));
    asked.on("error", reject).end(body);
  });
}
