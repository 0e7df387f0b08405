/** In a web worker: checks against an origin, or reads a stream that was handed over. */
import { MessageStream } from "cloudllm";
import { check, readAll } from "./checks.mjs";
import { told } from "./engine.mjs";

self.onmessage = async ({ data }) => {
  try {
    const answer = typeof data === "string" ? await check(data) : await readAll(MessageStream.from(data));
    self.postMessage({ answer });
  } catch (error) {
    self.postMessage({ error: told(error) });
  }
};
