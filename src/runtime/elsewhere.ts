/** The parts that depend on the runtime, everywhere but on Node and in browsers. */

export * from "../protocols/load-static.ts";
export * from "../reliability/load-static.ts";
export * from "../session/load-static.ts";
export { defaultTransport } from "../transport/default-fetch.ts";
