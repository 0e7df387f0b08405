/** The parts that depend on the runtime, in browsers (export condition `browser`). */

export * from "../protocols/load-static.ts";
export * from "../reliability/load-static.ts";
export * from "../session/load-static.ts";
export { defaultTransport } from "../transport/default-browser.ts";
