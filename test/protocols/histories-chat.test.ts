/** Replies of Chat Completions, put back: at their vendor's own client, and at servers that demand more than most. */

import { describeHistories, type Writer } from "../support/histories.ts";

const VENDORS: Readonly<Record<string, Writer>> = {
  openai: { client: "openai chat", model: "gpt-4.1", otherModel: "gpt-5.4" },
  xai: { client: "grok chat", model: "grok-4.6", otherModel: "grok-4.7" },
  gemini: { client: "gemini chat", model: "gemini-3.5-flash", otherModel: "gemini-2.5-flash" },
  openrouter: { client: "openrouter", model: "anthropic/claude-opus-5", otherModel: "mistralai/mistral-small" },
  deepseek: { client: "deepseek", model: "deepseek-v4", otherModel: "deepseek-v4-flash" },
  mistral: { client: "mistral", model: "magistral-medium", otherModel: "mistral-small" },
  groq: { client: "groq", model: "openai/gpt-oss-20b", otherModel: "qwen/qwen3-32b" },
};

const ELSE: Writer = { client: "compatible", model: "kimi-k2.5", otherModel: "deepseek-v4" };

/** Ends in an error of status 400 within the stream. */
const FAILED = /tool_use_failed_error_streaming\.0/;

describeHistories("openai-chat", ({ file }) => {
  if (FAILED.test(file)) return [];
  const vendor = /\/([a-z]+)/.exec(file)?.[1] ?? "";
  return [(Object.hasOwn(VENDORS, vendor) && VENDORS[vendor]) || ELSE];
});
