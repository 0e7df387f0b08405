/** Messages and options → the body of a Chat Completions request. */

import { base64TextOf } from "../base64.ts";
import type { SendOptions } from "../client.ts";
import { SendError } from "../errors.ts";
import type { AssistantTurn, AttachmentSource, ContentPart, Message } from "../message.ts";
import { jsonSchemaOf } from "../schema/schema.ts";
import type { ChatDialect } from "./chat-completions.ts";
import { outputOf, withInstruction } from "./chat-completions-output.ts";
import { type ChatReplay, PROTOCOL_NAME } from "./chat-completions-replay.ts";
import type { Endpoint, ProtocolRequest } from "./protocol.ts";
import { wellFormed } from "./well-formed.ts";

/** @see https://platform.openai.com/docs/api-reference/chat/create */
export function buildChatRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
  dialect: ChatDialect,
): ProtocolRequest {
  if (options.search && options.search.mode !== "off") {
    throw new SendError(
      "unsupported",
      `${endpoint.provider} cannot search over Chat Completions; leave out \`search\`.`,
    );
  }
  const { baseUrl, model } = endpoint;
  const output = outputOf(options, endpoint, dialect);
  return {
    url: baseUrl.endsWith("/chat/completions") ? baseUrl : `${baseUrl}/chat/completions`,
    body: {
      model,
      messages: withInstruction(messages, output?.instruction).flatMap((message) =>
        wireMessages(message, endpoint, dialect),
      ),
      // Fields that were not asked for are left out: some servers refuse those they do not know.
      ...(stream && { stream: true, ...(dialect.streamOptions && { stream_options: dialect.streamOptions }) }),
      ...(options.maxOutputTokens !== undefined && { [dialect.maxTokensField]: options.maxOutputTokens }),
      ...(options.temperature !== undefined && { temperature: options.temperature }),
      ...(options.topP !== undefined && { top_p: options.topP }),
      ...(options.stop !== undefined && { stop: options.stop }),
      ...(options.seed !== undefined && { [dialect.seedField ?? "seed"]: options.seed }),
      ...(output && { response_format: output.format }),
      ...toolFields(options, dialect),
      ...options.providerOptions,
    },
  };
}

function toolFields({ tools, toolChoice }: SendOptions, dialect: ChatDialect): Record<string, unknown> {
  if (!tools || tools.length === 0) return {};
  const choice =
    typeof toolChoice === "object" ? { type: "function", function: { name: toolChoice.name } } : toolChoice;
  return {
    tools: tools.map(({ name, description, parameters }) => ({
      type: "function",
      function: {
        name,
        ...(description && { description }),
        ...(parameters && { parameters: jsonSchemaOf(parameters) }),
      },
    })),
    ...(choice && { tool_choice: choice === "required" ? (dialect.requiredToolChoice ?? "required") : choice }),
  };
}

function wireMessages(message: Message, endpoint: Endpoint, dialect: ChatDialect): readonly object[] {
  switch (message.role) {
    case "system":
      return [{ role: "system", content: wellFormed(message.content) }];
    case "user":
      return [{ role: "user", content: userContent(message.content, endpoint.provider) }];
    case "assistant":
      return assistantMessage(message, endpoint, dialect);
    case "tool": {
      const id = wireCallId(message.toolCallId, dialect);
      return [{ role: "tool", tool_call_id: id, content: wellFormed(message.content) }];
    }
  }
}

function assistantMessage(turn: AssistantTurn, { provider }: Endpoint, dialect: ChatDialect): readonly object[] {
  const calls = turn.toolCalls ?? [];
  // A turn with neither text nor calls is refused nearly everywhere.
  if (turn.content === "" && calls.length === 0) return [];
  const own = turn.replay?.provider === provider && turn.replay.protocol === PROTOCOL_NAME;
  const replay: ChatReplay = own ? (turn.replay?.data as ChatReplay) : {};
  return [
    {
      role: "assistant",
      content: turn.content === "" ? null : wellFormed(turn.content),
      // Where thinking goes back, it is asked for on every turn, also on one that has none.
      ...(dialect.reasoningField && { [dialect.reasoningField]: "" }),
      ...replay.fields,
      ...(calls.length > 0 && {
        tool_calls: calls.map(({ id, name, arguments: args }) => ({
          id: wireCallId(id, dialect),
          type: "function",
          function: { name, arguments: JSON.stringify(args ?? {}) },
          ...replay.callFields?.[id],
        })),
      }),
    },
  ];
}

/** A plain string where there is only text: some servers refuse arrays, and some models mirror them in their answer. */
function userContent(content: string | readonly ContentPart[], provider: string): unknown {
  if (typeof content === "string") return wellFormed(content);
  if (content.every((part) => part.type === "text")) return wellFormed(content.map((part) => part.text).join("\n"));
  return content.map((part) => wirePart(part, provider));
}

function wirePart(part: ContentPart, provider: string): object {
  switch (part.type) {
    case "text":
      return { type: "text", text: wellFormed(part.text) };
    case "image":
      if ("fileId" in part) throw unsupported(provider, "an image by file id; give its bytes or a URL");
      return { type: "image_url", image_url: { url: "url" in part ? part.url : dataUrlOf(part) } };
    case "file": {
      if ("url" in part) throw unsupported(provider, "a file by URL; give its bytes or a file id");
      if ("fileId" in part) return { type: "file", file: { file_id: part.fileId } };
      const audio = /^audio\/(?:x-)?(wav|wave|mp3|mpeg)$/.exec(part.mediaType)?.[1];
      if (audio) {
        return {
          type: "input_audio",
          input_audio: { data: base64TextOf(part.data), format: audio.startsWith("w") ? "wav" : "mp3" },
        };
      }
      return { type: "file", file: { filename: part.filename ?? "file", file_data: dataUrlOf(part) } };
    }
  }
}

function unsupported(provider: string, what: string): SendError {
  return new SendError("unsupported", `${provider} does not take ${what} over Chat Completions.`);
}

function dataUrlOf({ data, mediaType }: Extract<AttachmentSource, { data: unknown }>): string {
  return `data:${mediaType};base64,${base64TextOf(data)}`;
}

/** Mistral takes ids of exactly nine letters and digits; others' ids are rewritten, in call and answer alike. */
function wireCallId(id: string, { nineCharacterIds }: ChatDialect): string {
  if (!nineCharacterIds || /^[A-Za-z0-9]{9}$/.test(id)) return id;
  let high = 7;
  let low = 11;
  for (let at = 0; at < id.length; at++) {
    high = (Math.imul(high, 31) + id.charCodeAt(at)) >>> 0;
    low = (Math.imul(low, 37) ^ id.charCodeAt(at)) >>> 0;
  }
  return (high.toString(36) + low.toString(36)).padEnd(9, "0").slice(0, 9);
}
