/** Messages and options → the body of a Responses request. The whole conversation goes out each time. */

import { base64TextOf } from "../base64.ts";
import type { SendOptions, Tool } from "../client.ts";
import { SendError } from "../errors.ts";
import type { AssistantTurn, ContentPart, Message } from "../message.ts";
import { closedSchema, isStrictSchema } from "../schema/closed.ts";
import { jsonSchemaOf } from "../schema/schema.ts";
import { toldToGoOn } from "./continuation.ts";
import { type Endpoint, type ProtocolRequest, refuse } from "./protocol.ts";
import type { ResponsesDialect } from "./responses-dialects.ts";
import { wellFormed } from "./well-formed.ts";

/** The protocol's name in `Replay.protocol`. */
export const RESPONSES = "responses";

/** One item of a reply, as it came. */
export type ResponseItem = Readonly<Record<string, unknown>> & { readonly type?: unknown };

/** As it stands in `Replay.data`: the reply's items, in order. */
export interface ResponsesReplay {
  readonly items: readonly ResponseItem[];
}

type Fields = Readonly<Record<string, unknown>>;

/** @see https://platform.openai.com/docs/api-reference/responses/create */
export function buildResponsesRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
  dialect: ResponsesDialect,
): ProtocolRequest {
  const { model, baseUrl } = endpoint;
  const system = messages.filter(({ role, content }) => role === "system" && content !== "");
  const reasoning = reasoningOf(options, endpoint, dialect);
  const search = searchOf(options, endpoint, dialect);
  const include = [
    ...(mayReason(dialect, model) ? ["reasoning.encrypted_content"] : []),
    ...(search.length > 0 ? (dialect.searchInclude ?? []) : []),
  ];
  const tools = [...(options.tools ?? []).map(wireTool), ...search];
  refuseOthers(options, endpoint, dialect);
  return {
    url: `${baseUrl}/responses`,
    body: {
      model,
      input: inputOf(toldToGoOn(messages), endpoint),
      ...(system.length > 0 && { instructions: wellFormed(system.map(({ content }) => content).join("\n\n")) }),
      ...(stream && { stream: true, ...(dialect.streamOptions && { stream_options: dialect.streamOptions }) }),
      ...keepingOf(options, stream, dialect),
      ...(include.length > 0 && { include }),
      ...(options.maxOutputTokens !== undefined && { max_output_tokens: options.maxOutputTokens }),
      ...samplingOf(options, endpoint, dialect),
      ...(reasoning && { reasoning }),
      ...(options.output !== undefined && { text: { format: formatOf(options.output) } }),
      ...(tools.length > 0 && { tools }),
      ...toolChoiceOf(options, search.length > 0, endpoint, dialect),
      ...cacheOf(options, endpoint),
      ...(options.metadata !== undefined && { metadata: options.metadata }),
      ...options.providerOptions,
    },
  };
}

/** Nothing is kept at the server, unless the reply is to be resumed there. */
function keepingOf({ recover }: SendOptions, stream: boolean, { keepsReplies }: ResponsesDialect): Fields {
  return recover === "resume" && stream && keepsReplies ? { background: true, store: true } : { store: false };
}

function mayReason(dialect: ResponsesDialect, model: string): boolean {
  const { reasons } = dialect.familyOf(model);
  return reasons === "asked" || reasons === "unasked";
}

function reasoningOf(options: SendOptions, endpoint: Endpoint, dialect: ResponsesDialect): Fields | undefined {
  const { reasoning } = options;
  const { reasons, efforts } = dialect.familyOf(endpoint.model);
  const summary = dialect.reasoningSummary ? { summary: dialect.reasoningSummary } : {};
  if (reasoning === undefined) return undefined;
  if (typeof reasoning === "object") {
    refuse("`reasoning.maxTokens`", endpoint, options, 'Give "low", "medium" or "high".');
    return undefined;
  }
  if (reasons === "never") {
    if (reasoning !== "none") refuse("`reasoning`", endpoint, options, "This model does not think.");
    return undefined;
  }
  if (efforts.includes(reasoning)) return { effort: reasoning, ...(reasoning !== "none" && summary) };
  const advice =
    efforts.length === 0 ? "This model cannot be told how much to think." : `It takes ${efforts.join(", ")}.`;
  refuse(`\`reasoning: "${reasoning}"\``, endpoint, options, advice);
  return undefined;
}

/** A model that thinks chooses for itself; one that need not takes both when it does not. */
function samplingOf(options: SendOptions, endpoint: Endpoint, dialect: ResponsesDialect): Fields {
  const { temperature, topP, reasoning } = options;
  const { reasons } = dialect.familyOf(endpoint.model);
  const thinks = reasoning === undefined ? reasons === "unasked" : reasoning !== "none" && reasons !== "never";
  const refused = dialect.refusesSampling && thinks;
  if (refused && temperature !== undefined) refuse("`temperature`", endpoint, options, "It thinks.");
  if (refused && topP !== undefined) refuse("`topP`", endpoint, options, "It thinks.");
  if (refused) return {};
  return { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { top_p: topP }) };
}

function formatOf(output: NonNullable<SendOptions["output"]>): Fields {
  const schema = jsonSchemaOf(output);
  const closed = closedSchema(schema);
  const strict = isStrictSchema(closed);
  return { type: "json_schema", name: "output", schema: strict ? closed : schema, strict };
}

/** Left to itself, the server tries to be strict, and makes what is optional required. */
function wireTool({ name, description, parameters }: Tool): Fields {
  const schema = parameters === undefined ? { type: "object", properties: {} } : jsonSchemaOf(parameters);
  const closed = closedSchema(schema);
  const strict = parameters !== undefined && isStrictSchema(closed);
  return {
    type: "function",
    name,
    ...(description && { description }),
    parameters: strict ? closed : schema,
    strict,
  };
}

function searchOf(options: SendOptions, endpoint: Endpoint, dialect: ResponsesDialect): readonly Fields[] {
  const { search } = options;
  return search && search.mode !== "off" ? dialect.searchTools(search, endpoint, options) : [];
}

function toolChoiceOf(
  { toolChoice, search, ...options }: SendOptions,
  searches: boolean,
  endpoint: Endpoint,
  dialect: ResponsesDialect,
): Fields {
  if (typeof toolChoice === "object") return { tool_choice: { type: "function", name: toolChoice.name } };
  if (toolChoice !== undefined) return { tool_choice: toolChoice };
  if (!searches || search?.mode !== "on") return {};
  if (dialect.searchChoice) return { tool_choice: dialect.searchChoice };
  refuse('`search.mode: "on"`', endpoint, options, "The model decides by itself.");
  return {};
}

/** Caching is automatic; a key brings the requests of one conversation to the same cache. */
function cacheOf(options: SendOptions, endpoint: Endpoint): Fields {
  const { promptCache } = options;
  if (promptCache === false) refuse("`promptCache: false`", endpoint, options, "It caches by itself.");
  if (typeof promptCache !== "object") return {};
  if (promptCache.ttl !== undefined) refuse("`promptCache.ttl`", endpoint, options);
  return promptCache.key === undefined ? {} : { prompt_cache_key: promptCache.key };
}

function refuseOthers(options: SendOptions, endpoint: Endpoint, dialect: ResponsesDialect): void {
  if (options.stop !== undefined) refuse("`stop`", endpoint, options, 'Chat Completions has it: `api: "chat"`.');
  if (options.seed !== undefined) refuse("`seed`", endpoint, options, 'Chat Completions has it: `api: "chat"`.');
  const { maxOutputTokens } = options;
  const { leastOutputTokens = 1 } = dialect;
  if (maxOutputTokens !== undefined && maxOutputTokens < leastOutputTokens) {
    const message = `${endpoint.provider} takes a \`maxOutputTokens\` of ${leastOutputTokens} or more.`;
    throw new SendError("invalidRequest", message);
  }
}

function inputOf(messages: readonly Message[], endpoint: Endpoint): readonly Fields[] {
  /** Calls of tools that take plain text are answered under another type. */
  const custom = new Set<unknown>();
  const input: Fields[] = [];
  for (const message of messages) {
    if (message.role === "user") input.push({ role: "user", content: userContent(message.content, endpoint) });
    else if (message.role === "assistant") {
      const items = turnItems(message, endpoint);
      for (const { type, call_id } of items) if (type === "custom_tool_call") custom.add(call_id);
      input.push(...items);
    } else if (message.role === "tool") {
      const { toolCallId, content } = message;
      const type = custom.has(toolCallId) ? "custom_tool_call_output" : "function_call_output";
      input.push({ type, call_id: toolCallId, output: wellFormed(content) });
    }
  }
  return input;
}

/** The items as they came, if they are this provider's and still say what the turn says; else written anew. */
function turnItems(turn: AssistantTurn, endpoint: Endpoint): readonly Fields[] {
  const { replay } = turn;
  if (replay?.provider === endpoint.provider && replay.protocol === RESPONSES && !turn.interrupted) {
    const { items } = replay.data as ResponsesReplay;
    const { before = "" } = replay;
    if (sameAs(turn, before, items)) return [...textItems(before), ...replayed(items, replay.model === endpoint.model)];
  }
  return [
    ...textItems(turn.content),
    ...(turn.toolCalls ?? []).map(({ id, name, arguments: args }) => ({
      type: "function_call",
      call_id: id,
      name,
      arguments: JSON.stringify(args ?? {}),
    })),
  ];
}

function textItems(text: string): readonly Fields[] {
  return text === "" ? [] : [{ role: "assistant", content: [{ type: "output_text", text: wellFormed(text) }] }];
}

/** Items that need no id: with one, the server looks for what it was told not to keep. */
const WITHOUT_ID = ["message", "reasoning", "function_call", "custom_tool_call"];

/**
 * Reasoning goes back encrypted, to the model that wrote it, and never without the item it led to.
 * @see https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items
 */
function replayed(items: readonly ResponseItem[], sameModel: boolean): readonly Fields[] {
  const last = items.findLastIndex(({ type }) => type !== "reasoning");
  return items.flatMap((item, at): readonly Fields[] => {
    if (item.type === "reasoning" && (!sameModel || !item.encrypted_content || at > last)) return [];
    const { id, status, ...rest } = item;
    const summary = item.type === "reasoning" ? { summary: item.summary ?? [] } : {};
    if (WITHOUT_ID.includes(String(item.type))) return [{ ...rest, ...summary }];
    return [{ ...rest, id, ...(status !== undefined && { status }) }];
  });
}

/** Whoever has changed the text or the calls of a reply wants that sent, not what came. */
function sameAs(turn: AssistantTurn, before: string, items: readonly ResponseItem[]): boolean {
  if (!Array.isArray(items)) return false;
  const text = items.map((item) => (item.type === "message" ? textOfItem(item) : "")).join("");
  const ids = items.map((item) => item.call_id);
  return (
    before + text === turn.content &&
    (turn.toolCalls ?? []).every(({ id }) => ids.includes(id)) &&
    !hasMoreCalls(turn, items)
  );
}

function hasMoreCalls({ toolCalls = [] }: AssistantTurn, items: readonly ResponseItem[]): boolean {
  return items.filter(({ type }) => type === "function_call").length > toolCalls.length;
}

function textOfItem(item: ResponseItem): string {
  const parts = Array.isArray(item.content) ? (item.content as readonly Record<string, unknown>[]) : [];
  return parts.map((part) => String(part.text ?? part.refusal ?? "")).join("");
}

function userContent(content: string | readonly ContentPart[], endpoint: Endpoint): unknown {
  return typeof content === "string" ? wellFormed(content) : content.map((part) => wirePart(part, endpoint));
}

function wirePart(part: ContentPart, { provider }: Endpoint): Fields {
  switch (part.type) {
    case "text":
      return { type: "input_text", text: wellFormed(part.text) };
    case "image":
      if ("fileId" in part) return { type: "input_image", file_id: part.fileId };
      return { type: "input_image", image_url: "url" in part ? part.url : dataUrlOf(part) };
    case "file": {
      if (part.mediaType?.startsWith("audio/"))
        throw new SendError("unsupported", `${provider} takes no sound over Responses; \`api: "chat"\` does.`);
      if ("fileId" in part) return { type: "input_file", file_id: part.fileId };
      if ("url" in part) return { type: "input_file", file_url: part.url };
      return { type: "input_file", filename: part.filename ?? "file", file_data: dataUrlOf(part) };
    }
  }
}

function dataUrlOf({ data, mediaType }: { readonly data: Uint8Array | string; readonly mediaType: string }): string {
  return `data:${mediaType};base64,${base64TextOf(data)}`;
}
