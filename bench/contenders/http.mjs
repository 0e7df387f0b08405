/** The same loop over `node:http` with kept connections: the least that Node's own HTTP costs. */
import { Agent, request } from "node:http";
import { model, question } from "../request.mjs";
import { eventReader } from "./events.mjs";

const agent = new Agent({ keepAlive: true });

/** @type {import("../contenders.mjs").Open} */
export function open(baseUrl) {
  return (onText) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({
        model,
        messages: [{ role: "user", content: question }],
        stream: true,
        stream_options: { include_usage: true },
      });
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        authorization: "Bearer sk-none",
      };
      const sent = request(`${baseUrl}/chat/completions`, { method: "POST", agent, headers }, (response) => {
        if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}`));
        const events = eventReader(onText);
        response.setEncoding("utf8");
        response.on("data", events.push).on("error", reject);
        response.on("end", () => resolve(events.outputTokens));
      });
      sent.on("error", reject).end(body);
    });
}
