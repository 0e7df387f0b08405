/** Responses with all its dialects, which a client on Node loads at once. */

export * from "./dialects.ts";
export { responses } from "./protocol.ts";
