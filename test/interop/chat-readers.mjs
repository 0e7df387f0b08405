/** Other libraries than the providers' own: what each makes of a gateway's stream, in one shape. */

/** The model of the AI SDK for servers of OpenAI's format. */
export async function aiSdk(question) {
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
  const { origin, key } = question;
  const provider = createOpenAICompatible({ name: "ours", baseURL: `${origin}/v1`, apiKey: key, includeUsage: true });
  return streamOf(provider("script"), question);
}

/** The AI SDK's model for OpenAI, which speaks Responses. */
export async function aiSdkOpenAi(question) {
  const { createOpenAI } = await import("@ai-sdk/openai");
  const { origin, key } = question;
  return streamOf(createOpenAI({ baseURL: `${origin}/v1`, apiKey: key })("gpt-5.5"), question);
}

/** The AI SDK's model for Anthropic. */
export async function aiSdkAnthropic(question) {
  const { createAnthropic } = await import("@ai-sdk/anthropic");
  const { origin, key } = question;
  return streamOf(createAnthropic({ baseURL: `${origin}/v1`, apiKey: key })("claude-sonnet-5-5"), question);
}

async function streamOf(model, { text, tools = [] }) {
  const seen = { text: "", reasoning: "", calls: [] };
  const prompt = [{ role: "user", content: [{ type: "text", text }] }];
  const { stream } = await model.doStream({ prompt, tools });
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
