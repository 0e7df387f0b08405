/** Who takes part. Each has a file in `contenders/` that uses it the way its documentation says. */

/**
 * What such a file exports as `open(baseUrl)`: makes a client, once, and returns the function that asks it. That one
 * calls `onText` with every piece of text in order, and resolves with the count of output tokens when the reply is over.
 * @typedef {(baseUrl: string) => (onText: (text: string) => void) => Promise<number | undefined>} Open
 */

/**
 * In the order of the tables. `packages` is what the file imports; the first of them gives the version. `without` names
 * measures it takes no part in: a thousand replies at once take long, and some numbers would be the same or make no sense.
 */
export const CONTENDERS = [
  { name: "fetch", label: "by hand, fetch", packages: [] },
  { name: "http", label: "by hand, node:http", packages: ["node:http"], without: ["size"] },
  { name: "cloudllm", label: "cloudllm", packages: ["cloudllm"] },
  {
    name: "cloudllm-batches",
    label: "cloudllm, batches()",
    packages: ["cloudllm"],
    without: ["start", "import", "crowd", "size"],
  },
  { name: "openai", label: "openai", packages: ["openai"] },
  { name: "xsai", label: "xsai", packages: ["@xsai/stream-text"], without: ["crowd"] },
  { name: "pi-ai", label: "pi-ai", packages: ["@earendil-works/pi-ai"], without: ["crowd"] },
  { name: "tanstack", label: "TanStack AI", packages: ["@tanstack/ai", "@tanstack/ai-openai"], without: ["crowd"] },
  { name: "langchain", label: "LangChain", packages: ["@langchain/openai"], without: ["crowd"] },
  { name: "ai-sdk", label: "AI SDK", packages: ["ai", "@ai-sdk/openai"] },
];

/** Whom all others are compared with. */
export const BASELINE = "fetch";

/** Who has to meet the targets. */
export const OURS = "cloudllm";
