/**
 * Who takes part. Each has a file in `contenders/`, by wire format, that uses it the way its documentation says, with what the
 * documentation names as cheapest: streaming without helpers that collect, one client for all requests (whose connections are
 * kept, as `fetch` of Node does), small entry points, and nothing between that a program could leave out.
 */

/**
 * What such a file exports as `open(baseUrl)`: makes a client, once, and returns the function that asks it. That one
 * calls `onText` with every piece of text in order, and resolves with the count of output tokens when the reply is over.
 * @typedef {(baseUrl: string) => (onText: (text: string) => void) => Promise<number | undefined>} Open
 */

/** Measures of one wire format only: the others would show the same, or the same cost again. */
const ONCE = ["start", "import", "crowd", "promises", "size"];

/**
 * In the order of the tables. `name` is the wire format and the file; `packages` is what the file imports, the first of
 * them gives the version. `imports` are the entry points where the file takes others than the packages' main ones. `inReadme: false` leaves a
 * row to the results, because another row shows the same library at its cheapest. `without` names measures it takes no part in: a thousand replies at once take long, and some
 * numbers would be the same or make no sense.
 */
export const CONTENDERS = [
  { name: "chat/fetch", label: "by hand, fetch", packages: [] },
  { name: "chat/http", label: "by hand, node:http", packages: ["node:http"], without: ["size"] },
  { name: "chat/cloudllm", label: "cloudllm", packages: ["cloudllm"] },
  {
    name: "chat/cloudllm-batches",
    label: "cloudllm, batches()",
    packages: ["cloudllm"],
    without: ["start", "import", "crowd", "size"],
  },
  { name: "chat/openai", label: "openai", packages: ["openai"] },
  { name: "chat/xsai", label: "xsai", packages: ["@xsai/stream-text"], without: ["crowd"] },
  {
    name: "chat/pi-ai",
    label: "pi-ai",
    packages: ["@earendil-works/pi-ai"],
    imports: ["@earendil-works/pi-ai/models", "@earendil-works/pi-ai/api/openai-completions.lazy"],
    without: ["crowd"],
  },
  {
    name: "chat/tanstack",
    label: "TanStack AI",
    packages: ["@tanstack/ai", "@tanstack/ai-openai"],
    without: ["crowd"],
  },
  { name: "chat/langchain", label: "LangChain", packages: ["@langchain/openai"], without: ["crowd"] },
  { name: "chat/ai-sdk", label: "AI SDK", packages: ["ai", "@ai-sdk/openai"], inReadme: false },
  {
    name: "chat/ai-sdk-low-memory",
    label: "AI SDK, low memory",
    packages: ["ai", "@ai-sdk/openai"],
    without: ["import", "size"],
  },
  { name: "responses/fetch", label: "by hand, fetch", packages: [], without: ONCE },
  { name: "responses/cloudllm", label: "cloudllm", packages: ["cloudllm"], without: ONCE },
  { name: "responses/openai", label: "openai", packages: ["openai"], without: ONCE },
  { name: "responses/ai-sdk", label: "AI SDK, low memory", packages: ["ai", "@ai-sdk/openai"], without: ONCE },
  { name: "anthropic/fetch", label: "by hand, fetch", packages: [], without: ONCE },
  { name: "anthropic/cloudllm", label: "cloudllm", packages: ["cloudllm"], without: ONCE },
  { name: "anthropic/anthropic-sdk", label: "Anthropic SDK", packages: ["@anthropic-ai/sdk"], without: ONCE },
  { name: "anthropic/ai-sdk", label: "AI SDK, low memory", packages: ["ai", "@ai-sdk/anthropic"], without: ONCE },
  { name: "gemini/fetch", label: "by hand, fetch", packages: [], without: ONCE },
  { name: "gemini/cloudllm", label: "cloudllm", packages: ["cloudllm"], without: ONCE },
  { name: "gemini/google-genai", label: "Google GenAI", packages: ["@google/genai"], without: ONCE },
  { name: "gemini/ai-sdk", label: "AI SDK, low memory", packages: ["ai", "@ai-sdk/google"], without: ONCE },
];

/** The wire formats, and what the tables call them. */
export const WIRE_NAMES = {
  chat: "Chat Completions",
  responses: "Responses",
  anthropic: "Anthropic Messages",
  gemini: "Gemini",
};

/** The wire format in which a contender is asked. */
export function wireOf(name) {
  return name.split("/", 1)[0];
}

/** Whom a contender is compared with. */
export function baselineOf(name) {
  return `${wireOf(name)}/fetch`;
}

/** Who has to meet the targets, in the format that has them all. */
export const OURS = "chat/cloudllm";
