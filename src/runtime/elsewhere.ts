/** The parts that depend on the runtime, everywhere but on Node. */

export * from "../protocols/load-static.ts";
export { defaultTransport } from "../transport/default-fetch.ts";
