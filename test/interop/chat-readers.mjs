/** Other libraries that read Chat Completions: what each makes of a gateway's stream, in one shape. */

/** The model of the AI SDK for servers of OpenAI's format. */
export async function aiSdk({ origin, key, text, tools = [] }) {
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
  const provider = createOpenAICompatible({ name: "ours", baseURL: `${origin}/v1`, apiKey: key, includeUsage: true });
  const seen = { text: "", reasoning: "", calls: [] };
  const prompt = [{ role: "user", content: [{ type: "text", text }] }];
  const { stream } = await provider("script").doStream({ prompt, tools });
  for await (const part of stream) {
    if (part.type === "text-delta") seen.text += part.delta;
    if (part.type === "reasoning-delta") seen.reasoning += part.delta;
    if (part.type === "tool-call") {
      seen.calls.push({ id: part.toolCallId, name: part.toolName, arguments: JSON.parse(part.input) });
    }
    if (part.type === "error") seen.error = String(part.error?.message ?? part.error);
    if (part.type !== "finish") continue;
    const { inputTokens, outputTokens } = part.usage;
    Object.assign(seen, {
      finish: part.finishReason.unified,
      usage: { input: inputTokens.total, output: outputTokens.total },
    });
  }
  return seen;
}

export async function langChain({ origin, key, text, tools = [] }) {
  const { ChatOpenAI } = await import("@langchain/openai");
  const configuration = { baseURL: `${origin}/v1` };
  const model = new ChatOpenAI({ model: "script", apiKey: key, configuration, maxRetries: 0 });
  const bound = tools.length > 0 ? model.bindTools(tools.map(asFunction)) : model;
  const seen = { text: "", reasoning: "", calls: [] };
  let all;
  try {
    for await (const chunk of await bound.stream(text)) {
      seen.text += chunk.content;
      all = all ? all.concat(chunk) : chunk;
    }
  } catch (error) {
    seen.error = error.message;
  }
  seen.calls = (all?.tool_calls ?? []).map(({ id, name, args }) => ({ id, name, arguments: args }));
  const { input_tokens: input, output_tokens: output } = all?.usage_metadata ?? {};
  return { ...seen, finish: all?.response_metadata.finish_reason, usage: { input, output } };
}

function asFunction({ name, inputSchema }) {
  return { type: "function", function: { name, parameters: inputSchema } };
}
