/** Chat Completions with all its dialects, which a client on Node loads at once. */

export * from "./dialects.ts";
export * from "./hosted-dialects.ts";
export { chatCompletions } from "./protocol.ts";
