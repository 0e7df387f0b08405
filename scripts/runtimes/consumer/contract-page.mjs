/** The contract in a page. Reports to the server that shows it. */
import { keepContract } from "./contract.mjs";
import { told } from "./engine.mjs";

// The suite lets the event loop turn by it, and by `process` it notices unhandled rejections.
globalThis.setImmediate ??= (call) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    call();
  };
  port2.postMessage(undefined);
};
const listeners = new Map();
globalThis.process = {
  on(_event, listener) {
    listeners.set(listener, ({ reason }) => listener(reason));
    addEventListener("unhandledrejection", listeners.get(listener));
  },
  off: (_event, listener) => removeEventListener("unhandledrejection", listeners.get(listener)),
};
const stage = new URL(location.href).searchParams.get("stage");
let outcome;
try {
  outcome = `ok ${await keepContract(stage, "direct")}; ${await keepContract(stage, "breaking")}`;
} catch (error) {
  outcome = `FAILED: ${told(error)}`;
}
await fetch("/outcome", { method: "POST", body: outcome });
