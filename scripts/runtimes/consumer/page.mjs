/** The checks in a page and in a web worker, and a stream that goes on in the worker. Tells the server what came of it. */
import { ask, check } from "./checks.mjs";
import { passesStreams, told } from "./engine.mjs";

let outcome;
try {
  const inPage = await check(location.origin);
  const worker = new Worker("./worker.js", { type: "module" });
  const inWorker = await answerOf(worker, location.origin);
  const handedOver = passesStreams() ? await handOver(worker) : "this engine hands over no stream";
  const version = /(?:Chrome|Firefox|Version)\/[\d.]+/.exec(navigator.userAgent)?.[0];
  outcome = `ok ${version}: in a page ${inPage}, in a worker ${inWorker}; ${handedOver}`;
} catch (error) {
  outcome = `FAILED: ${told(error)}`;
}
await fetch("/outcome", { method: "POST", body: outcome });

async function handOver(worker) {
  const stream = await ask(location.origin, "whole");
  const readable = stream.toReadableStream();
  const handed = await answerOf(worker, readable, [readable]);
  if (handed !== "Hello, wörld 🌍! (1)") throw new Error(`the worker read ${handed}`);
  return "a stream handed over was whole";
}

function answerOf(worker, message, transfer = []) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => ("error" in data ? reject(new Error(data.error)) : resolve(data.answer));
    worker.onerror = (event) => reject(new Error(`the worker failed: ${event.message}`));
    worker.postMessage(message, transfer);
  });
}
