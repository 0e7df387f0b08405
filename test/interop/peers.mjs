/**
 * The providers' own libraries behind one face: what each makes of a reply, in one shape, so that it can be compared field
 * by field. They are loaded when they are used: this module can be imported where they are not installed.
 */

const once = { maxRetries: 0 };
const question = (content) => [{ role: "user", content }];

/** OpenAI's library on Chat Completions. */
export const chat = {
  async *stream({ origin, path = "/v1", model, text }) {
    const { OpenAI } = await import("openai");
    const client = new OpenAI({ apiKey: "k", baseURL: origin + path, ...once });
    const stream_options = { include_usage: true };
    const reply = await client.chat.completions.create({
      model,
      messages: question(text),
      stream: true,
      stream_options,
    });
    const calls = [];
    for await (const chunk of reply) {
      const [choice] = chunk.choices;
      for (const { index, id, function: named } of choice?.delta.tool_calls ?? []) {
        calls[index] ??= { id, name: named?.name, text: "" };
        calls[index].text += named?.arguments ?? "";
      }
      yield {
        id: chunk.id,
        model: chunk.model,
        text: (choice?.delta.content ?? "") + (choice?.delta.refusal ?? ""),
        reasoning: choice?.delta.reasoning_content ?? "",
        finish: choice?.finish_reason ?? undefined,
        usage: chunk.usage && chatUsage(chunk.usage),
      };
    }
    yield { calls: calls.map(parsed) };
  },
  async whole({ origin, path = "/v1", model, text }) {
    const { OpenAI } = await import("openai");
    const client = new OpenAI({ apiKey: "k", baseURL: origin + path, ...once });
    const {
      id,
      model: named,
      choices,
      usage,
    } = await client.chat.completions.create({ model, messages: question(text) });
    const { message, finish_reason } = choices[0];
    return {
      id,
      model: named,
      text: (message.content ?? "") + (message.refusal ?? ""),
      reasoning: message.reasoning_content ?? "",
      calls: (message.tool_calls ?? []).map((call) =>
        parsed({ id: call.id, name: call.function.name, text: call.function.arguments }),
      ),
      finish: finish_reason,
      usage: usage && chatUsage(usage),
    };
  },
};

/** As our client asks: nothing is kept, so what is to go back comes along. */
const stateless = { store: false, include: ["reasoning.encrypted_content"] };

/** OpenAI's library on Responses. */
export const responses = {
  async *stream({ origin, model, text }) {
    const { OpenAI } = await import("openai");
    const client = new OpenAI({ apiKey: "k", baseURL: `${origin}/v1`, ...once });
    for await (const event of await client.responses.create({
      model,
      input: question(text),
      stream: true,
      ...stateless,
    })) {
      if (event.type === "response.output_text.delta" || event.type === "response.refusal.delta") {
        yield { text: event.delta };
      } else if (event.type === "response.reasoning_summary_text.delta") yield { reasoning: event.delta };
      else if (event.type === "response.completed" || event.type === "response.incomplete") {
        const { text: _text, reasoning: _reasoning, ...rest } = responseResult(event.response);
        yield rest;
      } else if (event.type === "error")
        throw Object.assign(new Error(event.error?.message ?? event.message), event.error);
    }
  },
  async whole({ origin, model, text }) {
    const { OpenAI } = await import("openai");
    const client = new OpenAI({ apiKey: "k", baseURL: `${origin}/v1`, ...once });
    return responseResult(await client.responses.create({ model, input: question(text), ...stateless }));
  },
};

/** Anthropic's library. */
export const anthropic = {
  async *stream({ origin, model, text }) {
    const { Anthropic } = await import("@anthropic-ai/sdk");
    const client = new Anthropic({ apiKey: "k", baseURL: origin, ...once });
    const stream = client.messages.stream({ model, max_tokens: 100, messages: question(text) });
    for await (const event of stream) {
      if (event.type !== "content_block_delta") continue;
      if (event.delta.type === "text_delta") yield { text: event.delta.text };
      if (event.delta.type === "thinking_delta") yield { reasoning: event.delta.thinking };
    }
    const { text: _text, reasoning: _reasoning, ...rest } = messageResult(await stream.finalMessage());
    yield rest;
  },
  async whole({ origin, model, text }) {
    const { Anthropic } = await import("@anthropic-ai/sdk");
    const client = new Anthropic({ apiKey: "k", baseURL: origin, ...once });
    return messageResult(await client.messages.create({ model, max_tokens: 100, messages: question(text) }));
  },
};

/** Google's library. */
export const gemini = {
  async *stream({ origin, model, text }) {
    const { GoogleGenAI } = await import("@google/genai");
    const client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: origin } });
    for await (const response of await client.models.generateContentStream({ model, contents: text })) {
      yield contentResult(response);
    }
  },
  async whole({ origin, model, text }) {
    const { GoogleGenAI } = await import("@google/genai");
    const client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: origin } });
    return contentResult(await client.models.generateContent({ model, contents: text }));
  },
};

/**
 * What a peer makes of a reply: the same shape as `ours` in `compare.ts`. What a stream yields is added up, as a program
 * that uses the library would.
 */
export async function resultOf(peer, how, request) {
  const result = { text: "", reasoning: "", calls: [] };
  try {
    if (how === "whole") return Object.assign(result, await peer.whole(request));
    for await (const { text = "", reasoning = "", calls = [], ...rest } of peer.stream(request)) {
      result.text += text;
      result.reasoning += reasoning;
      result.calls.push(...calls);
      for (const [name, value] of Object.entries(rest)) if (value !== undefined && value !== null) result[name] = value;
    }
    return result;
  } catch (error) {
    return { failed: failureOf(error), text: result.text };
  }
}

function failureOf(error) {
  // Google's library puts the body into the message, as text.
  const said = jsonIn(error.message)?.error ?? error.error?.error ?? error.error ?? {};
  const words = [said.code, said.type, said.status, error.code];
  const seconds = error.headers?.get?.("retry-after");
  return {
    status: typeof error.status === "number" ? error.status : undefined,
    message: said.message ?? error.message,
    code: words.find((word) => typeof word === "string") ?? words.find(Number.isInteger)?.toString(),
    retryAfterMs: seconds ? Number(seconds) * 1_000 : undefined,
  };
}

function jsonIn(text) {
  try {
    return JSON.parse(text.slice(text.indexOf("{")));
  } catch {
    return undefined;
  }
}

function chatUsage({ prompt_tokens: input, completion_tokens: output, total_tokens: total }) {
  return { input, output, total };
}

function parsed({ id, name, text }) {
  return { id, name, arguments: text === "" ? {} : JSON.parse(text) };
}

function responseResult({ id, model, output, status, incomplete_details, usage, error }) {
  if (error) throw Object.assign(new Error(error.message), { code: error.code });
  const parts = output.flatMap(({ type, content }) => (type === "message" ? content : []));
  return {
    id,
    model,
    text: parts.map((part) => part.text ?? part.refusal).join(""),
    reasoning: output
      .flatMap((item) => (item.type === "reasoning" ? item.summary : []))
      .map(({ text }) => text)
      .join(""),
    calls: output
      .filter(({ type }) => type === "function_call")
      .map(({ call_id, name, arguments: text }) => parsed({ id: call_id, name, text })),
    finish: incomplete_details?.reason ?? status,
    usage: usage ? { input: usage.input_tokens, output: usage.output_tokens, total: usage.total_tokens } : undefined,
  };
}

function messageResult({ id, model, content, stop_reason, usage }) {
  return {
    id,
    model,
    text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
    reasoning: content.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
    calls: content
      .filter(({ type }) => type === "tool_use")
      .map(({ id: callId, name, input: args }) => ({ id: callId, name, arguments: args })),
    finish: stop_reason,
    usage: messageUsage(usage),
  };
}

function messageUsage({ input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens }) {
  if (input_tokens === undefined || output_tokens === undefined) return undefined;
  const input = input_tokens + (cache_read_input_tokens ?? 0) + (cache_creation_input_tokens ?? 0);
  return { input, output: output_tokens, total: input + output_tokens };
}

function contentResult({ candidates, usageMetadata, modelVersion, responseId }) {
  const [candidate] = candidates ?? [];
  const parts = candidate?.content?.parts ?? [];
  const textOf = (thought) =>
    parts.map((part) => (part.text !== undefined && Boolean(part.thought) === thought ? part.text : "")).join("");
  return {
    id: responseId,
    model: modelVersion,
    text: textOf(false),
    reasoning: textOf(true),
    calls: parts.flatMap(({ functionCall }) =>
      functionCall ? [{ id: functionCall.id, name: functionCall.name, arguments: functionCall.args ?? {} }] : [],
    ),
    finish: candidate?.finishReason,
    usage: usageMetadata && contentUsage(usageMetadata),
  };
}

function contentUsage({ promptTokenCount = 0, candidatesTokenCount = 0, thoughtsTokenCount = 0, totalTokenCount }) {
  return { input: promptTokenCount, output: candidatesTokenCount + thoughtsTokenCount, total: totalTokenCount };
}
