/** The parts that depend on the runtime, on Node (export condition `node`). */

export * from "../protocols/load-node.ts";
export * from "../reliability/load-node.ts";
export * from "../session/load-node.ts";
export { defaultTransport } from "../transport/default-node.ts";
