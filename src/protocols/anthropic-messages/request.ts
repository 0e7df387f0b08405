/** Messages and options → the body of an Anthropic Messages request. */

import { SendError } from "../../contract/errors.ts";
import type { Message } from "../../contract/message.ts";
import type { SendOptions, Tool } from "../../contract/options.ts";
import { schemaEngine } from "../../schema/load-engine.ts";
import { type ClaudeCapabilities, claudeCapabilitiesOf } from "../capabilities/claude.ts";
import { cutReplyOf, withContinuationPrompt } from "../common/continuation.ts";
import { withProviderOptions } from "../common/provider-options.ts";
import {
  BOUND_ELSEWHERE,
  type BoundPieces,
  boundPieces,
  hasThinking,
  type Piece,
  unboundPieces,
} from "../common/thinking-binding.ts";
import type { HistoryCalls } from "../common/tool-call-history.ts";
import { ANTHROPIC_ROOT_REFUSALS, mayCall, NO_PARAMETERS, parametersOf } from "../common/tool-parameters.ts";
import { unsupportedSearch } from "../common/unsupported-search.ts";
import { type Endpoint, type ProtocolRequest, requestContext } from "../protocol.ts";
import type { AnthropicContext } from "./context.ts";
import { type Block, callsOf, isPaused, piecesOf, textBlocks, turnsOf, type WireTurn } from "./messages.ts";
import { thinkingOf } from "./thinking.ts";

/**
 * Returns the request of a call over Anthropic Messages.
 * @see https://docs.anthropic.com/en/api/messages
 */
export function buildAnthropicRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
): ProtocolRequest {
  const capabilities = claudeCapabilitiesOf(endpoint.model);
  const context = requestContext(options, endpoint, { capabilities });
  const { providerOptions } = options;
  const system = messages.flatMap((message) => (message.role === "system" ? textBlocks(message.content) : []));
  const calls = callsOf(messages, options.tools, endpoint);
  const tools = toolsOf(context, messages, calls);
  if (options.seed !== undefined) context.unsupported("`seed`");
  const maxTokens = options.maxOutputTokens ?? capabilities.maxOutputTokens;
  const history = piecesOf(messages, calls, context);
  const thinking = thinkingOf(context, maxTokens, history);
  const output = outputConfigOf(context, thinking.effort);
  const takesPrefill = capabilities.prefill === "taken" && !thinking.isOn;
  const cut = cutReplyOf(messages);
  // The server refuses white space at the end, and the model's replacement for it could not be separated from the text.
  const continuesExactly = cut !== undefined && takesPrefill && !/\s$/.test(cut.content);
  const asked = cut && !continuesExactly ? piecesOf(withContinuationPrompt(messages), calls, context) : history;
  const isPrefill = !cut && asked.at(-1)?.role === "assistant" && !isPaused(messages, asked);
  const pieces = isPrefill && !takesPrefill ? withoutPrefill(asked, context) : asked;
  if (pieces.length === 0)
    throw new SendError("invalidRequest", "There is nothing to send: every message is blank. Add text to a message.");
  const systemAndTools = {
    ...(system.length > 0 && { system }),
    ...(tools.length > 0 && { tools }),
  };
  const carried = withProviderOptions(systemAndTools, providerOptions);
  const fields = {
    model: endpoint.model,
    max_tokens: maxTokens,
    ...(stream && { stream: true }),
    ...(thinking.field && { thinking: thinking.field }),
    ...(output && { output_config: output }),
    ...samplingOf(context, thinking.isOn),
    ...stopOf(context),
    ...toolChoiceOf(context, thinking.hasBudget, mayCall(tools, options)),
    ...metadataOf(context),
  };
  const marks = cacheMarkOf(context);
  const headers = usesFiles(messages) ? HEADERS_FOR_FILES : HEADERS;
  const requestOf = (bound: BoundPieces): ProtocolRequest => {
    const turns = turnsOf(bound.pieces);
    const conversation = marks ? marked(systemAndTools, turns, marks) : { ...systemAndTools, messages: turns };
    // Not a literal: V8 makes a hidden class for each that has more fields behind a spread, which takes 1 µs.
    const body: Block = Object.assign({}, fields, conversation);
    return {
      url: `${endpoint.baseUrl}/v1/messages`,
      headers,
      ...(continuesExactly && { continuesExactly }),
      body: withProviderOptions(body, providerOptions),
      ...(bound.place && { binding: bound.place }),
      instead: (refusal) =>
        BOUND_ELSEWHERE.test(refusal.message) && hasThinking(bound.pieces)
          ? requestOf(unboundPieces(bound, carried))
          : undefined,
    };
  };
  return requestOf(boundPieces(pieces, carried, capabilities.bindsThinking));
}

/**
 * Removes a prefill that the model does not take. Every model takes the prefill that redeems a credit for a refused
 * answer.
 */
function withoutPrefill(
  pieces: readonly Piece[],
  { options, capabilities, unsupported }: AnthropicContext,
): readonly Piece[] {
  const { prefill } = capabilities;
  if (prefill === "unknown" || options.providerOptions?.fallback_credit_token !== undefined) return pieces;
  const advice = prefill === "taken" ? "It does not go with thinking." : "End the conversation with the user's turn.";
  unsupported("the beginning of an answer (an assistant's turn at the end)", advice);
  const end = pieces.findLastIndex(({ role }) => role === "user") + 1;
  return pieces.slice(0, end);
}

/** Constant, so that a client puts them together with its key once. */
const HEADERS = { "anthropic-version": "2023-06-01" } as const;
const HEADERS_FOR_FILES = { "anthropic-version": "2023-06-01", "anthropic-beta": "files-api-2025-04-14" } as const;

function usesFiles(messages: readonly Message[]): boolean {
  return messages.some(
    ({ role, content }) => role === "user" && typeof content !== "string" && content.some((part) => "fileId" in part),
  );
}

function outputConfigOf(context: AnthropicContext, effort: string | undefined): Block | undefined {
  const format = formatOf(context);
  if (!format && effort === undefined) return undefined;
  return { ...(effort !== undefined && { effort }), ...(format && { format }) };
}

/** @see https://docs.claude.com/en/docs/build-with-claude/structured-outputs */
function formatOf({ options, capabilities, unsupported }: AnthropicContext): Block | undefined {
  if (options.output === undefined) return undefined;
  const { claudeSchema, hasRecords, jsonSchemaOf } = schemaEngine.loaded;
  const schema = jsonSchemaOf(options.output, "`output`");
  if (!capabilities.takesOutputFormat) unsupported("`output`");
  else if (hasRecords(schema)) {
    const advice = "Use an array of keys and values instead.";
    unsupported("objects with keys of any name in `output`", advice);
  } else return { type: "json_schema", schema: claudeSchema(schema) };
  return undefined;
}

/** Newer models do not take sampling parameters, and no model takes them with thinking. */
function samplingOf({ options, capabilities, unsupported }: AnthropicContext, thinks: boolean): Block {
  let { temperature, topP } = options;
  if (temperature !== undefined && temperature !== 1 && (!capabilities.takesSampling || thinks || temperature > 1)) {
    const advice = capabilities.takesSampling && !thinks ? "Valid values: 0 to 1." : "";
    unsupported("`temperature`", advice);
    temperature = undefined;
  }
  // The newest models refuse even 1, which changes nothing; they take only 0.99.
  if (topP === 1 && capabilities.bindsThinking) topP = undefined;
  if (topP !== undefined && !takesTopP(topP, capabilities, thinks)) {
    unsupported("`topP`");
    topP = undefined;
  }
  if (temperature !== undefined && topP !== undefined && !capabilities.takesBothSamplings) {
    unsupported("`topP` together with `temperature`");
    topP = undefined;
  }
  return { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { top_p: topP }) };
}

function takesTopP(topP: number, { takesSampling, bindsThinking }: ClaudeCapabilities, thinks: boolean): boolean {
  if (takesSampling) return !thinks || topP >= 0.95;
  return bindsThinking ? topP === 0.99 : topP >= 0.99;
}

/** The server refuses stop sequences that are only white space. */
function stopOf({ options, unsupported }: AnthropicContext): Block {
  const { stop } = options;
  if (stop === undefined) return {};
  const words = stop.filter((text) => text.trim() !== "");
  if (words.length < stop.length) unsupported("a `stop` of white space");
  return words.length > 0 ? { stop_sequences: words } : {};
}

/** A history with calls requires tools. Where the caller has none any more, the request names the called ones. */
function toolsOf(context: AnthropicContext, messages: readonly Message[], calls: HistoryCalls): Block[] {
  const { options } = context;
  const tools: Block[] = (options.tools ?? []).map((tool) => wireTool(tool, context));
  const search = searchTool(context);
  if (search) tools.push(search);
  if (tools.length > 0) return tools;
  const called = messages.flatMap((_message, index) => calls.callsAt(index));
  return [...new Set(called.map(({ name }) => name))].map((name) => ({ name, input_schema: { type: "object" } }));
}

function wireTool(tool: Tool, context: AnthropicContext): Block {
  const { name, description } = tool;
  const schema = parametersOf(tool, context, ANTHROPIC_ROOT_REFUSALS) ?? NO_PARAMETERS;
  return { name, ...(description && { description }), input_schema: schema };
}

/** The version that only searches. Later versions run code on their results. */
const SEARCH_TOOL = { type: "web_search_20250305", name: "web_search" } as const;

/** @see https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool */
function searchTool(context: AnthropicContext): Block | undefined {
  const { options, unsupported } = context;
  const { search } = options;
  if (!search || search.mode === "off") return undefined;
  const { maxResults, allowedDomains, blockedDomains, country } = search;
  if (maxResults !== undefined) unsupported("`search.maxResults`", "It limits searches, not results.");
  unsupportedSearch(search, ["fromDate", "toDate", "sources", "citations"], context);
  return {
    ...SEARCH_TOOL,
    ...(allowedDomains && { allowed_domains: allowedDomains }),
    ...(blockedDomains && { blocked_domains: blockedDomains }),
    ...(country && { user_location: { type: "approximate", country: country.toUpperCase() } }),
  };
}

function toolChoiceOf(
  { options, capabilities, unsupported }: AnthropicContext,
  hasBudget: boolean,
  hasTools: boolean,
): Block {
  const { toolChoice, tools, search } = options;
  if (search?.mode === "on" && toolChoice !== undefined) unsupported('`search.mode: "on"` together with `toolChoice`');
  const mustSearch = search?.mode === "on" && toolChoice === undefined;
  if (toolChoice === undefined && !mustSearch) {
    return hasTools && !tools?.length && !search ? { tool_choice: { type: "none" } } : {};
  }
  if (toolChoice === "auto" || toolChoice === "none") return hasTools ? { tool_choice: { type: toolChoice } } : {};
  if (!capabilities.takesForcedTool || hasBudget) {
    const what = mustSearch ? '`search.mode: "on"`' : "a `toolChoice` that forces a call";
    const advice = hasBudget
      ? "It does not go with a budget for thinking."
      : "Say in the prompt that the tool must be used, or ask for `output`.";
    unsupported(what, advice);
    return {};
  }
  if (toolChoice === "required") return { tool_choice: { type: "any" } };
  return { tool_choice: { type: "tool", name: toolChoice?.name ?? SEARCH_TOOL.name } };
}

function metadataOf({ options, unsupported }: AnthropicContext): Block {
  const { user_id, ...others } = options.metadata ?? {};
  const [stray] = Object.keys(others);
  if (stray !== undefined) unsupported(`\`metadata.${stray}\``, "It takes `user_id` only.");
  return user_id === undefined ? {} : { metadata: { user_id } };
}

/** Returns the mark of what the provider caches for the next request; `undefined` where it caches nothing. */
function cacheMarkOf({ options, unsupported }: AnthropicContext): Block | undefined {
  const { promptCache } = options;
  if (!promptCache) return undefined;
  const { key, ttl } = promptCache === true ? {} : promptCache;
  if (key !== undefined) unsupported("`promptCache.key`");
  return { cache_control: { type: "ephemeral", ...(ttl && { ttl }) } };
}

/**
 * Places the cache marks. A request may have four: one for the system prompt, one for the tools, two for the latest
 * turns.
 */
function marked(
  { system, tools }: { readonly system?: readonly Block[]; readonly tools?: readonly Block[] },
  turns: readonly WireTurn[],
  mark: Block,
): Block {
  const last = (blocks: readonly Block[]): readonly Block[] => blocks.with(-1, { ...blocks.at(-1), ...mark });
  const lastUserTurns = turns.filter(({ role }) => role === "user").slice(-2);
  return {
    ...(system && { system: last(system) }),
    ...(tools && { tools: last(tools) }),
    messages: turns.map((turn) => (lastUserTurns.includes(turn) ? { ...turn, content: last(turn.content) } : turn)),
  };
}
