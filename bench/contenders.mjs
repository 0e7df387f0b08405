/** Who takes part. Each has a file in `contenders/` that uses it the way its documentation says. */

/**
 * What such a file exports as `open(baseUrl)`: makes a client, once, and returns the function that asks it. That one
 * calls `onText` with every piece of text in order, and resolves with the count of output tokens when the reply is over.
 * @typedef {(baseUrl: string) => (onText: (text: string) => void) => Promise<number | undefined>} Open
 */

/**
 * In the order of the tables. `packages` is what the file imports; the first of them gives the version. `crowd` marks
 * those who answer a thousand at once, which takes long; `browser: false` who needs Node.
 */
export const CONTENDERS = [
  { name: "fetch", label: "by hand, fetch", packages: [], crowd: true },
  { name: "http", label: "by hand, node:http", packages: ["node:http"], crowd: true, browser: false },
  { name: "cloudllm", label: "cloudllm", packages: ["cloudllm"], crowd: true },
  { name: "cloudllm-batches", label: "cloudllm, batches()", packages: ["cloudllm"] },
  { name: "openai", label: "openai", packages: ["openai"], crowd: true },
  { name: "xsai", label: "xsai", packages: ["@xsai/stream-text"] },
  { name: "pi-ai", label: "pi-ai", packages: ["@earendil-works/pi-ai"] },
  { name: "tanstack", label: "TanStack AI", packages: ["@tanstack/ai", "@tanstack/ai-openai"] },
  { name: "langchain", label: "LangChain", packages: ["@langchain/openai"] },
  { name: "ai-sdk", label: "AI SDK", packages: ["ai", "@ai-sdk/openai"], crowd: true },
];

/** Whom all others are compared with. */
export const BASELINE = "fetch";

/** Who has to meet the targets. */
export const OURS = "cloudllm";
