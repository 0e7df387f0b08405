/** Messages and options → the body of an Anthropic Messages request. */

import { base64TextOf } from "../base64.ts";
import type { SendOptions, Tool } from "../client.ts";
import { SendError } from "../errors.ts";
import type { AssistantTurn, ContentPart, Message, ToolMessage, UserMessage } from "../message.ts";
import { closedSchema } from "../schema/closed.ts";
import { jsonSchemaOf } from "../schema/schema.ts";
import { type ClaudeFamily, claudeFamily } from "./anthropic-models.ts";
import { toldToGoOn } from "./continuation.ts";
import { type Endpoint, type ProtocolRequest, refuse } from "./protocol.ts";
import { wellFormed } from "./well-formed.ts";

/** The protocol's name in `Replay.protocol`. */
export const ANTHROPIC_MESSAGES = "anthropic-messages";

/** As it stands in `Replay.data`: the reply's blocks, in order, as they came. */
export interface AnthropicReplay {
  readonly blocks: readonly unknown[];
}

type Block = Readonly<Record<string, unknown>>;

/** One turn on the wire. */
interface WireTurn {
  readonly role: "user" | "assistant";
  readonly content: Block[];
}

/** Tokens of thinking for models that want a budget. */
const BUDGETS = { low: 4_096, medium: 16_384, high: 32_768 } as const;
const SMALLEST_BUDGET = 1_024;

/** Tokens that are left for the answer where a limit on all output is lower than a level's budget. */
const SMALLEST_ANSWER = 256;

/** @see https://docs.anthropic.com/en/api/messages */
export function buildAnthropicRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
): ProtocolRequest {
  const family = claudeFamily(endpoint.model);
  const system = messages.flatMap((message) =>
    message.role === "system" && message.content !== "" ? [textBlock(message.content)] : [],
  );
  const tools = toolsOf(options, endpoint, messages);
  if (options.seed !== undefined) refuse("`seed`", endpoint, options);
  const maxTokens = options.maxOutputTokens ?? family.maxOutputTokens;
  const thinking = thinkingOf(options, family, maxTokens, endpoint);
  const output = outputConfigOf(options, family, thinking?.effort, endpoint);
  const goesOn = family.takesPrefix && !thinking?.isOn;
  const turns = turnsOf(goesOn ? messages : toldToGoOn(messages), endpoint);
  markForCache(system, tools, turns, options, endpoint);
  return {
    url: `${endpoint.baseUrl}/v1/messages`,
    headers: { "anthropic-version": "2023-06-01", ...(usesFiles(messages) && { "anthropic-beta": FILES_BETA }) },
    body: {
      model: endpoint.model,
      max_tokens: maxTokens,
      messages: turns,
      ...(system.length > 0 && { system }),
      ...(stream && { stream: true }),
      ...(thinking?.field && { thinking: thinking.field }),
      ...(output && { output_config: output }),
      ...samplingOf(options, family, thinking?.isOn ?? false, endpoint),
      ...(options.stop !== undefined && { stop_sequences: options.stop }),
      ...(tools.length > 0 && { tools }),
      ...toolChoiceOf(options, family, thinking?.hasBudget ?? false, tools.length > 0, endpoint),
      ...metadataOf(options, endpoint),
      ...options.providerOptions,
    },
  };
}

const FILES_BETA = "files-api-2025-04-14";

function usesFiles(messages: readonly Message[]): boolean {
  return messages.some(
    ({ role, content }) => role === "user" && typeof content !== "string" && content.some((part) => "fileId" in part),
  );
}

interface Thinking {
  readonly field?: Block;
  readonly effort?: string;
  readonly isOn: boolean;
  readonly hasBudget: boolean;
}

/** @see https://docs.anthropic.com/en/docs/build-with-claude/adaptive-thinking */
function thinkingOf(
  options: SendOptions,
  family: ClaudeFamily,
  maxTokens: number,
  endpoint: Endpoint,
): Thinking | undefined {
  const { reasoning } = options;
  if (reasoning === undefined) return { isOn: family.thinksUnasked, hasBudget: false };
  if (reasoning === "none") {
    if (!family.thinksUnasked) return undefined;
    if (family.canStopThinking) return { field: { type: "disabled" }, isOn: false, hasBudget: false };
    refuse('`reasoning: "none"`', endpoint, options, "This model always thinks.");
    return undefined;
  }
  if (family.thinking === "none") {
    refuse("`reasoning`", endpoint, options, "This model does not think.");
    return undefined;
  }
  if (typeof reasoning !== "object") {
    if (family.thinking !== "budget") {
      const field = { type: "adaptive", display: "summarized" };
      return { field, effort: reasoning, isOn: true, hasBudget: false };
    }
    const budget = Math.min(BUDGETS[reasoning], maxTokens - SMALLEST_ANSWER);
    return budgetOf(budget, maxTokens);
  }
  if (family.thinking === "adaptive") {
    refuse(
      "`reasoning.maxTokens`",
      endpoint,
      options,
      'Give "low", "medium" or "high": this model keeps its own budget.',
    );
    return undefined;
  }
  return budgetOf(reasoning.maxTokens, maxTokens);
}

function budgetOf(budget: number, maxTokens: number): Thinking {
  if (budget < SMALLEST_BUDGET || budget >= maxTokens) {
    const message = `Thinking takes a budget of at least ${SMALLEST_BUDGET} tokens, and less than all output (${maxTokens}): raise \`maxOutputTokens\`, or change \`reasoning\`.`;
    throw new SendError("invalidRequest", message);
  }
  return { field: { type: "enabled", budget_tokens: budget }, isOn: true, hasBudget: true };
}

function outputConfigOf(
  options: SendOptions,
  family: ClaudeFamily,
  effort: string | undefined,
  endpoint: Endpoint,
): Block | undefined {
  const { output } = options;
  if (output !== undefined && !family.takesOutputFormat) refuse("`output`", endpoint, options);
  const asksFormat = output !== undefined && family.takesOutputFormat;
  if (!asksFormat && effort === undefined) return undefined;
  return {
    ...(effort !== undefined && { effort }),
    ...(asksFormat && { format: { type: "json_schema", schema: closedSchema(jsonSchemaOf(output)) } }),
  };
}

/** Newer models choose for themselves; with thinking on, all do. */
function samplingOf(options: SendOptions, family: ClaudeFamily, thinks: boolean, endpoint: Endpoint): Block {
  let { temperature, topP } = options;
  if (temperature !== undefined && temperature !== 1 && (!family.takesSampling || thinks || temperature > 1)) {
    const advice = family.takesSampling && !thinks ? "It goes from 0 to 1 here." : "";
    refuse("`temperature`", endpoint, options, advice);
    temperature = undefined;
  }
  if (topP !== undefined && topP < 0.99 && (!family.takesSampling || (thinks && topP < 0.95))) {
    refuse("`topP`", endpoint, options);
    topP = undefined;
  }
  if (temperature !== undefined && topP !== undefined && !family.takesBothSamplings) {
    refuse("`topP` beside `temperature`", endpoint, options);
    topP = undefined;
  }
  return { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { top_p: topP }) };
}

/** A history with calls must come with tools: where the caller has none any more, the called ones are named. */
function toolsOf(options: SendOptions, endpoint: Endpoint, messages: readonly Message[]): Block[] {
  const tools: Block[] = (options.tools ?? []).map(wireTool);
  const search = searchTool(options, endpoint);
  if (search) tools.push(search);
  if (tools.length > 0) return tools;
  const called = messages.flatMap((message) => (message.role === "assistant" ? (message.toolCalls ?? []) : []));
  return [...new Set(called.map(({ name }) => name))].map((name) => ({ name, input_schema: { type: "object" } }));
}

function wireTool({ name, description, parameters }: Tool): Block {
  const schema = parameters === undefined ? { properties: {} } : jsonSchemaOf(parameters);
  return { name, ...(description && { description }), input_schema: { type: "object", ...schema } };
}

/** The version that searches and nothing else: later ones run code on what they find. */
const SEARCH_TOOL = { type: "web_search_20250305", name: "web_search" } as const;

/** @see https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool */
function searchTool(options: SendOptions, endpoint: Endpoint): Block | undefined {
  const { search } = options;
  if (!search || search.mode === "off") return undefined;
  const { maxResults, fromDate, toDate, allowedDomains, blockedDomains, country, sources, citations } = search;
  if (maxResults !== undefined) refuse("`search.maxResults`", endpoint, options);
  if (fromDate !== undefined) refuse("`search.fromDate`", endpoint, options);
  if (toDate !== undefined) refuse("`search.toDate`", endpoint, options);
  if (sources?.some((source) => source !== "web")) refuse("`search.sources` other than web", endpoint, options);
  if (citations === false) refuse("`search.citations: false`", endpoint, options);
  return {
    ...SEARCH_TOOL,
    ...(allowedDomains && { allowed_domains: allowedDomains }),
    ...(blockedDomains && { blocked_domains: blockedDomains }),
    ...(country && { user_location: { type: "approximate", country: country.toUpperCase() } }),
  };
}

function toolChoiceOf(
  options: SendOptions,
  family: ClaudeFamily,
  hasBudget: boolean,
  hasTools: boolean,
  endpoint: Endpoint,
): Block {
  const { toolChoice, tools, search } = options;
  const mustSearch = search?.mode === "on" && toolChoice === undefined;
  if (toolChoice === undefined && !mustSearch) {
    return hasTools && !tools?.length && !search ? { tool_choice: { type: "none" } } : {};
  }
  if (toolChoice === "auto" || toolChoice === "none") return { tool_choice: { type: toolChoice } };
  if (!family.takesForcedTool || hasBudget) {
    const what = mustSearch ? '`search.mode: "on"`' : "a `toolChoice` that forces a call";
    refuse(what, endpoint, options, hasBudget ? "It does not go with a budget for thinking." : "");
    return {};
  }
  if (toolChoice === "required") return { tool_choice: { type: "any" } };
  return { tool_choice: { type: "tool", name: toolChoice?.name ?? SEARCH_TOOL.name } };
}

function metadataOf(options: SendOptions, endpoint: Endpoint): Block {
  const { user_id, ...others } = options.metadata ?? {};
  const [stray] = Object.keys(others);
  if (stray !== undefined) refuse(`\`metadata.${stray}\``, endpoint, options, "It takes `user_id` only.");
  return user_id === undefined ? {} : { metadata: { user_id } };
}

/** Of the four marks a request may have: one for the system's text, one for the tools, two for the latest turns. */
function markForCache(
  system: Block[],
  tools: Block[],
  turns: readonly WireTurn[],
  options: SendOptions,
  endpoint: Endpoint,
): void {
  const { promptCache } = options;
  if (!promptCache) return;
  const { key, ttl } = promptCache === true ? {} : promptCache;
  if (key !== undefined) refuse("`promptCache.key`", endpoint, options);
  const mark = { cache_control: { type: "ephemeral", ...(ttl && { ttl }) } };
  const said = turns.filter(({ role }) => role === "user").slice(-2);
  for (const blocks of [system, tools, ...said.map(({ content }) => content)]) {
    const last = blocks.at(-1);
    if (last) blocks[blocks.length - 1] = { ...last, ...mark };
  }
}

/** Neighbours of one role are one turn, and results stand before words: the protocol wants both. */
function turnsOf(messages: readonly Message[], endpoint: Endpoint): readonly WireTurn[] {
  const turns: WireTurn[] = [];
  for (const message of messages) {
    if (message.role === "system") continue;
    const role = message.role === "assistant" ? "assistant" : "user";
    const blocks = blocksOf(message, endpoint);
    if (blocks.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else turns.push({ role, content: [...blocks] });
  }
  const last = turns.at(-1);
  // Words put into the model's mouth must not end in blanks.
  const words = last?.role === "assistant" ? last.content.at(-1) : undefined;
  if (last && typeof words?.text === "string")
    last.content[last.content.length - 1] = { ...words, text: words.text.trimEnd() };
  return turns;
}

function blocksOf(message: UserMessage | AssistantTurn | ToolMessage, endpoint: Endpoint): readonly Block[] {
  switch (message.role) {
    case "user":
      return typeof message.content === "string"
        ? textBlocks(message.content)
        : message.content.flatMap((part) => wirePart(part, endpoint));
    case "assistant":
      return assistantBlocks(message, endpoint);
    case "tool":
      return [
        {
          type: "tool_result",
          tool_use_id: wireCallId(message.toolCallId),
          ...(message.content !== "" && { content: wellFormed(message.content) }),
          ...(message.isError && { is_error: true }),
        },
      ];
  }
}

/** The blocks as they came, if they are this provider's, and still say what the turn says; else written anew. */
function assistantBlocks(turn: AssistantTurn, endpoint: Endpoint): readonly Block[] {
  const { replay } = turn;
  if (replay?.provider === endpoint.provider && replay.protocol === ANTHROPIC_MESSAGES && !turn.interrupted) {
    const { blocks } = replay.data as AnthropicReplay;
    const { before = "" } = replay;
    if (sameAs(turn, before, blocks)) {
      const own = blocks.filter((block): block is Block => mayGoBack(block, replay.model, endpoint.model));
      return [...textBlocks(before), ...own];
    }
  }
  const calls = (turn.toolCalls ?? []).map(({ id, name, arguments: args }) => ({
    type: "tool_use",
    id: wireCallId(id),
    name,
    input: args ?? {},
  }));
  return [...textBlocks(turn.content), ...calls];
}

/** Whoever has changed the text or the calls of a reply wants that sent, not what came. */
function sameAs(turn: AssistantTurn, before: string, blocks: readonly unknown[]): boolean {
  if (!Array.isArray(blocks)) return false;
  const said = blocks as readonly { readonly type?: string; readonly text?: string; readonly id?: string }[];
  const text = said.map((block) => (block.type === "text" ? (block.text ?? "") : "")).join("");
  const ids = said.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
  const calls = turn.toolCalls ?? [];
  return before + text === turn.content && ids.length === calls.length && calls.every(({ id }) => ids.includes(id));
}

/** Empty text is refused, and so is thinking that is not signed; signatures hold for the model that wrote them. */
function mayGoBack(block: unknown, writtenBy: string | undefined, model: string): boolean {
  const { type, text, signature } = block as {
    readonly type?: string;
    readonly text?: string;
    readonly signature?: string;
  };
  if (type === "text") return text !== "" && text !== undefined;
  if (type === "thinking") return Boolean(signature) && writtenBy === model;
  return type !== "redacted_thinking" || writtenBy === model;
}

function wirePart(part: ContentPart, endpoint: Endpoint): readonly Block[] {
  if (part.type === "text") return textBlocks(part.text);
  if ("fileId" in part) {
    return [{ type: part.type === "image" ? "image" : "document", source: { type: "file", file_id: part.fileId } }];
  }
  if (part.type === "image") return [{ type: "image", source: sourceOf(part) }];
  const { mediaType, filename } = part;
  const title = filename === undefined ? {} : { title: filename };
  if (mediaType === undefined || mediaType === "application/pdf") {
    return [{ type: "document", source: sourceOf(part), ...title }];
  }
  if ("data" in part && mediaType.startsWith("text/")) {
    const data = typeof part.data === "string" ? textOfBase64(part.data) : new TextDecoder().decode(part.data);
    return [{ type: "document", source: { type: "text", media_type: "text/plain", data: wellFormed(data) }, ...title }];
  }
  const message = `${endpoint.provider} takes images, PDFs and plain text, not ${mediaType}.`;
  throw new SendError("unsupported", message);
}

function sourceOf(
  part: { readonly url: string } | { readonly data: Uint8Array | string; readonly mediaType: string },
): Block {
  if ("url" in part) return { type: "url", url: part.url };
  return { type: "base64", media_type: part.mediaType, data: base64TextOf(part.data) };
}

function textOfBase64(data: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(data), (character) => character.charCodeAt(0)));
}

function textBlocks(text: string): readonly Block[] {
  return text === "" ? [] : [textBlock(text)];
}

function textBlock(text: string): Block {
  return { type: "text", text: wellFormed(text) };
}

/** Other providers' ids may hold signs that this one refuses; call and result change alike. */
function wireCallId(id: string): string {
  return id.replace(/[^\w-]/g, "_");
}
