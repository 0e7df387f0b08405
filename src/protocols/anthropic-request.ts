/** Messages and options → the body of an Anthropic Messages request. */

import type { SendOptions, Tool } from "../client.ts";
import { SendError } from "../errors.ts";
import type { Message } from "../message.ts";
import { claudeSchema, hasRecords } from "../schema/grammar.ts";
import { jsonSchemaOf } from "../schema/schema.ts";
import { type ClaudeFamily, claudeFamily } from "./anthropic-models.ts";
import { type Block, callsOf, textBlock, turnsOf, type WireTurn } from "./anthropic-turns.ts";
import { cutReplyOf, toldToGoOn } from "./continuation.ts";
import type { HistoryCalls } from "./history-calls.ts";
import { type Endpoint, type ProtocolRequest, refuse } from "./protocol.ts";
import { withProviderOptions } from "./provider-options.ts";
import { refuseSearch } from "./search-refusals.ts";

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
  const calls = callsOf(messages, options.tools);
  const tools = toolsOf(options, endpoint, messages, calls);
  if (options.seed !== undefined) refuse("`seed`", endpoint, options);
  const maxTokens = options.maxOutputTokens ?? family.maxOutputTokens;
  const asked = thinkingOf(options, family, maxTokens, endpoint);
  const written = turnsOf(messages, calls, endpoint);
  const thinking = asked?.hasBudget && isUnthoughtLoop(written) ? undefined : asked;
  const output = outputConfigOf(options, family, thinking?.effort, endpoint);
  const cut = cutReplyOf(messages);
  // White space at its end is refused, and what the model writes in its place could not be told from the text itself.
  const goesOn = family.takesPrefix && !thinking?.isOn && cut !== undefined && !/\s$/.test(cut.content);
  const turns = cut && !goesOn ? turnsOf(toldToGoOn(messages), calls, endpoint) : written;
  markForCache(system, tools, turns, options, endpoint);
  return {
    url: `${endpoint.baseUrl}/v1/messages`,
    headers: { "anthropic-version": "2023-06-01", ...(usesFiles(messages) && { "anthropic-beta": FILES_BETA }) },
    ...(goesOn && { continuesExactly: true }),
    body: withProviderOptions(
      {
        model: endpoint.model,
        max_tokens: maxTokens,
        messages: turns,
        ...(system.length > 0 && { system }),
        ...(stream && { stream: true }),
        ...(thinking?.field && { thinking: thinking.field }),
        ...(output && { output_config: output }),
        ...samplingOf(options, family, thinking?.isOn ?? false, endpoint),
        ...stopOf(options, endpoint),
        ...(tools.length > 0 && { tools }),
        ...toolChoiceOf(options, family, thinking?.hasBudget ?? false, tools.length > 0, endpoint),
        ...metadataOf(options, endpoint),
      },
      options.providerOptions,
    ),
  };
}

const FILES_BETA = "files-api-2025-04-14";

function usesFiles(messages: readonly Message[]): boolean {
  return messages.some(
    ({ role, content }) => role === "user" && typeof content !== "string" && content.some((part) => "fileId" in part),
  );
}

/**
 * Whether the model is in the middle of a loop of calls that did not begin with its thinking, since another model or provider
 * began it. With a budget the server refuses to think in such a loop, so the rest of it goes on without.
 */
function isUnthoughtLoop(turns: readonly WireTurn[]): boolean {
  const holds = (turn: WireTurn | undefined, ...types: readonly unknown[]) =>
    turn?.content.some(({ type }) => types.includes(type)) ?? false;
  const asked = turns.findLastIndex((turn) => turn.role === "user" && !holds(turn, "tool_result"));
  return holds(turns.at(-1), "tool_result") && !holds(turns[asked + 1], "thinking", "redacted_thinking");
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
  const format = formatOf(options, family, endpoint);
  if (!format && effort === undefined) return undefined;
  return { ...(effort !== undefined && { effort }), ...(format && { format }) };
}

/** @see https://docs.claude.com/en/docs/build-with-claude/structured-outputs */
function formatOf(options: SendOptions, family: ClaudeFamily, endpoint: Endpoint): Block | undefined {
  if (options.output === undefined) return undefined;
  const schema = jsonSchemaOf(options.output, "`output`");
  if (!family.takesOutputFormat) refuse("`output`", endpoint, options);
  else if (hasRecords(schema)) {
    const advice = "Give a list of keys and values instead.";
    refuse("objects with keys of any name in `output`", endpoint, options, advice);
  } else return { type: "json_schema", schema: claudeSchema(schema) };
  return undefined;
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

/** Sequences of nothing but white space are refused. */
function stopOf(options: SendOptions, endpoint: Endpoint): Block {
  const { stop } = options;
  if (stop === undefined) return {};
  const words = stop.filter((text) => text.trim() !== "");
  if (words.length < stop.length) refuse("a `stop` of white space", endpoint, options);
  return words.length > 0 ? { stop_sequences: words } : {};
}

/** A history with calls must come with tools: where the caller has none any more, the called ones are named. */
function toolsOf(options: SendOptions, endpoint: Endpoint, messages: readonly Message[], calls: HistoryCalls): Block[] {
  const tools: Block[] = (options.tools ?? []).map(wireTool);
  const search = searchTool(options, endpoint);
  if (search) tools.push(search);
  if (tools.length > 0) return tools;
  const called = messages.flatMap((_message, index) => calls.callsAt(index));
  return [...new Set(called.map(({ name }) => name))].map((name) => ({ name, input_schema: { type: "object" } }));
}

function wireTool({ name, description, parameters }: Tool): Block {
  const schema = parameters === undefined ? { properties: {} } : jsonSchemaOf(parameters, `the tool ${name}`);
  return { name, ...(description && { description }), input_schema: { type: "object", ...schema } };
}

/** The version that searches and nothing else: later ones run code on what they find. */
const SEARCH_TOOL = { type: "web_search_20250305", name: "web_search" } as const;

/** @see https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool */
function searchTool(options: SendOptions, endpoint: Endpoint): Block | undefined {
  const { search } = options;
  if (!search || search.mode === "off") return undefined;
  const { maxResults, allowedDomains, blockedDomains, country } = search;
  if (maxResults !== undefined) refuse("`search.maxResults`", endpoint, options, "It limits searches, not results.");
  refuseSearch(search, ["fromDate", "toDate", "sources", "citations"], endpoint, options);
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
  if (search?.mode === "on" && toolChoice !== undefined)
    refuse('`search.mode: "on"` beside a `toolChoice`', endpoint, options);
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
