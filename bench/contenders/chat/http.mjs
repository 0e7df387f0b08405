/** The same loop over `node:http` with kept connections: the least that Node's own HTTP costs. */
import { Agent, request } from "node:http";
import { eventReader } from "../events.mjs";
import { body, reader } from "./by-hand.mjs";

const agent = new Agent({ keepAlive: true });

/** @type {import("../../contenders.mjs").Open} */
export function open(baseUrl) {
  return (onText) =>
    new Promise((resolve, reject) => {
      const json = JSON.stringify(body);
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(json),
        authorization: "Bearer sk-none",
      };
      const sent = request(`${baseUrl}/chat/completions`, { method: "POST", agent, headers }, (response) => {
        if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}`));
        const reply = reader(onText);
        response.setEncoding("utf8");
        response.on("data", eventReader(reply.read)).on("error", reject);
        response.on("end", () => resolve(reply.outputTokens));
      });
      sent.on("error", reject).end(json);
    });
}
