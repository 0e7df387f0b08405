/** Messages and options → the body of a Gemini request. */

import { base64TextOf } from "../base64.ts";
import type { SendOptions, Tool } from "../client.ts";
import { SendError } from "../errors.ts";
import type { AssistantTurn, ContentPart, Message, ToolMessage } from "../message.ts";
import { jsonSchemaOf } from "../schema/schema.ts";
import { toldToGoOn } from "./continuation.ts";
import type { PartialArgument } from "./gemini-arguments.ts";
import { type GeminiFamily, geminiFamily } from "./gemini-models.ts";
import { type Endpoint, type ProtocolRequest, refuse } from "./protocol.ts";
import { wellFormed } from "./well-formed.ts";

/** The protocol's name in `Replay.protocol`. */
export const GEMINI = "gemini";

/** As it stands in `Replay.data`. */
export interface GeminiReplay {
  /** The reply's parts, in order, each with the signature it came with. */
  readonly parts: readonly GeminiPart[];
  /** The ids of its function calls in their order; made up where a part has none. */
  readonly callIds: readonly string[];
}

/** One part of a turn; every member may be missing. */
export interface GeminiPart {
  readonly text?: string;
  readonly thought?: boolean;
  readonly thoughtSignature?: string;
  readonly functionCall?: {
    readonly id?: string | null;
    readonly name?: string | null;
    readonly args?: unknown;
    readonly partialArgs?: readonly PartialArgument[] | null;
    readonly willContinue?: boolean | null;
  } | null;
  readonly functionResponse?: {
    readonly id?: string | null;
    readonly name?: string | null;
    readonly response?: unknown;
  } | null;
  readonly executableCode?: unknown;
  readonly codeExecutionResult?: unknown;
  readonly toolCall?: { readonly toolType?: unknown; readonly args?: unknown } | null;
  readonly toolResponse?: { readonly toolType?: unknown; readonly response?: unknown } | null;
}

type Fields = Readonly<Record<string, unknown>>;

interface Content {
  readonly role: "user" | "model";
  readonly parts: readonly Fields[];
}

/** What the server takes for the signature of a call that never had one. */
const NO_SIGNATURE = "skip_thought_signature_validator";

/** Tokens of thinking for models that want a budget. */
const BUDGETS = { low: 2_048, medium: 8_192, high: 24_576 } as const;

/** @see https://ai.google.dev/api/generate-content */
export function buildGeminiRequest(
  messages: readonly Message[],
  options: SendOptions,
  endpoint: Endpoint,
  stream: boolean,
): ProtocolRequest {
  const family = geminiFamily(endpoint.model);
  const system = messages.filter(({ role, content }) => role === "system" && content !== "");
  const generationConfig = generationConfigOf(options, family, endpoint);
  const tools = toolsOf(options, family, endpoint);
  refuseOthers(options, endpoint);
  return {
    url: `${endpoint.baseUrl}/v1beta/${modelPath(endpoint.model)}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: {
      contents: contentsOf(toldToGoOn(messages), family, endpoint),
      ...(system.length > 0 && {
        systemInstruction: { parts: system.map(({ content }) => ({ text: wellFormed(String(content)) })) },
      }),
      ...(Object.keys(generationConfig).length > 0 && { generationConfig }),
      ...(tools.length > 0 && { tools }),
      ...toolChoiceOf(options),
      ...options.providerOptions,
    },
  };
}

/** A name with a folder of its own (`tunedModels/…`) is left as it is. */
function modelPath(model: string): string {
  const path = model.includes("/") ? model : `models/${model}`;
  const steps = path.split("/");
  if (steps.some((step) => step === "" || step === "." || step === ".."))
    throw new SendError("invalidRequest", `${JSON.stringify(model)} is not the name of a model.`);
  return steps.map(encodeURIComponent).join("/");
}

function generationConfigOf(options: SendOptions, family: GeminiFamily, endpoint: Endpoint): Fields {
  const { maxOutputTokens, stop, seed, output } = options;
  const sampling = samplingOf(options, family, endpoint);
  const thinkingConfig = thinkingOf(options, family, endpoint);
  return {
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...sampling,
    ...(stop !== undefined && { stopSequences: stop }),
    ...(seed !== undefined && { seed }),
    ...(output !== undefined && { responseMimeType: "application/json", responseJsonSchema: jsonSchemaOf(output) }),
    ...(thinkingConfig && { thinkingConfig }),
  };
}

function samplingOf({ temperature, topP, ...options }: SendOptions, family: GeminiFamily, endpoint: Endpoint): Fields {
  if (!family.takesSampling) {
    if (temperature !== undefined) refuse("`temperature`", endpoint, options);
    if (topP !== undefined) refuse("`topP`", endpoint, options);
    return {};
  }
  return { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { topP }) };
}

/** @see https://ai.google.dev/gemini-api/docs/thinking */
function thinkingOf(options: SendOptions, family: GeminiFamily, endpoint: Endpoint): Fields | undefined {
  const { reasoning } = options;
  if (reasoning === undefined) return undefined;
  if (reasoning === "none") {
    if (family.thinking === "none") return undefined;
    if (family.canStopThinking)
      return family.thinking === "budget" ? { thinkingBudget: 0 } : { thinkingLevel: "MINIMAL" };
    refuse('`reasoning: "none"`', endpoint, options, "This model always thinks.");
    return undefined;
  }
  if (family.thinking === "none") {
    refuse("`reasoning`", endpoint, options, "This model does not think.");
    return undefined;
  }
  if (family.thinking === "budget") {
    const thinkingBudget = typeof reasoning === "object" ? reasoning.maxTokens : BUDGETS[reasoning];
    return { includeThoughts: true, thinkingBudget };
  }
  if (typeof reasoning === "object") {
    refuse("`reasoning.maxTokens`", endpoint, options, 'Give "low", "medium" or "high".');
    return undefined;
  }
  return { includeThoughts: true, thinkingLevel: reasoning.toUpperCase() };
}

function toolsOf(options: SendOptions, family: GeminiFamily, endpoint: Endpoint): readonly Fields[] {
  const functions = (options.tools ?? []).map(declarationOf);
  const search = searchTool(options, endpoint);
  if (search && !family.combinesSearch && (functions.length > 0 || options.output !== undefined)) {
    refuse("`search` beside `tools` or `output`", endpoint, options);
    return functions.length > 0 ? [{ functionDeclarations: functions }] : [];
  }
  return [...(functions.length > 0 ? [{ functionDeclarations: functions }] : []), ...(search ? [search] : [])];
}

/** A function without parameters must not have any: an empty object is refused by older models. */
function declarationOf({ name, description, parameters }: Tool): Fields {
  return {
    name,
    ...(description && { description }),
    ...(parameters !== undefined && { parametersJsonSchema: jsonSchemaOf(parameters) }),
  };
}

/** @see https://ai.google.dev/gemini-api/docs/google-search */
function searchTool(options: SendOptions, endpoint: Endpoint): Fields | undefined {
  const { search } = options;
  if (!search || search.mode === "off") return undefined;
  const { mode, fromDate, toDate, sources, citations } = search;
  if (mode === "on") refuse('`search.mode: "on"`', endpoint, options, "The model decides by itself.");
  for (const name of ["maxResults", "allowedDomains", "blockedDomains", "country"] as const) {
    if (search[name] !== undefined) refuse(`\`search.${name}\``, endpoint, options);
  }
  if (sources?.some((source) => source !== "web")) refuse("`search.sources` other than web", endpoint, options);
  if (citations === false) refuse("`search.citations: false`", endpoint, options);
  const timeRangeFilter = {
    ...(fromDate !== undefined && { startTime: `${fromDate}T00:00:00Z` }),
    ...(toDate !== undefined && { endTime: `${dayAfter(toDate)}T00:00:00Z` }),
  };
  return { googleSearch: fromDate === undefined && toDate === undefined ? {} : { timeRangeFilter } };
}

/** The end of an interval is not part of it. */
function dayAfter(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
}

function toolChoiceOf({ toolChoice }: SendOptions): Fields {
  if (toolChoice === undefined) return {};
  const functionCallingConfig =
    typeof toolChoice === "object"
      ? { mode: "ANY", allowedFunctionNames: [toolChoice.name] }
      : { mode: { auto: "AUTO", none: "NONE", required: "ANY" }[toolChoice] };
  return { toolConfig: { functionCallingConfig } };
}

function refuseOthers(options: SendOptions, endpoint: Endpoint): void {
  const { promptCache, metadata } = options;
  if (typeof promptCache === "object") {
    if (promptCache.key !== undefined) refuse("`promptCache.key`", endpoint, options);
    if (promptCache.ttl !== undefined) refuse("`promptCache.ttl`", endpoint, options);
  }
  if (promptCache === false) refuse("`promptCache: false`", endpoint, options, "It caches by itself.");
  if (metadata !== undefined) refuse("`metadata`", endpoint, options);
}

/** Answers stand together, directly after the calls and in their order. */
function contentsOf(messages: readonly Message[], family: GeminiFamily, endpoint: Endpoint): readonly Content[] {
  const contents: Content[] = [];
  let asked: ReadonlyMap<string, Fields> = new Map();
  const answers: ToolMessage[] = [];
  const flush = () => {
    const order = [...asked.keys()];
    const sorted = answers.splice(0).sort((a, b) => order.indexOf(a.toolCallId) - order.indexOf(b.toolCallId));
    if (sorted.length > 0) contents.push({ role: "user", parts: sorted.map((answer) => answerPart(answer, asked)) });
  };
  for (const message of messages) {
    if (message.role === "system") continue;
    if (message.role === "tool") {
      answers.push(message);
      continue;
    }
    flush();
    const role = message.role === "user" ? "user" : "model";
    const own = message.role === "user" ? undefined : modelTurn(message, family, endpoint);
    const parts = own?.parts ?? userParts(message.content, endpoint);
    if (own) asked = own.calls;
    if (parts.length > 0) contents.push({ role, parts });
  }
  flush();
  return contents;
}

/** A text is wrapped: an answer is an object on the wire. */
function answerPart({ toolCallId, content, isError }: ToolMessage, asked: ReadonlyMap<string, Fields>): Fields {
  const response = isError ? { error: wellFormed(content) } : { output: wellFormed(content) };
  return { functionResponse: { ...(asked.get(toolCallId) ?? { name: toolCallId }), response } };
}

interface ModelTurn {
  readonly parts: readonly Fields[];
  /** What the answer to each call repeats of it: its name, and the id if the provider gave one. */
  readonly calls: ReadonlyMap<string, Fields>;
}

function modelTurn(turn: AssistantTurn, family: GeminiFamily, endpoint: Endpoint): ModelTurn {
  const { replay } = turn;
  if (replay?.provider === endpoint.provider && replay.protocol === GEMINI && !turn.interrupted) {
    const data = replay.data as GeminiReplay;
    const { before = "" } = replay;
    if (sameAs(turn, before, data)) {
      const { parts, calls } = replayed(data, family);
      return { parts: [...textParts(before), ...parts], calls };
    }
  }
  const calls = turn.toolCalls ?? [];
  const parts = [
    ...textParts(turn.content),
    ...calls.map(({ name, arguments: args }) => ({ functionCall: { name, args: args ?? {} } })),
  ];
  return { parts: signed(parts, family), calls: new Map(calls.map(({ id, name }) => [id, { name }])) };
}

function replayed({ parts, callIds }: GeminiReplay, family: GeminiFamily): ModelTurn {
  const calls = new Map<string, Fields>();
  for (const { functionCall } of parts) {
    if (!functionCall) continue;
    const { id, name } = functionCall;
    calls.set(callIds[calls.size] ?? "", { ...(id && { id }), name });
  }
  // Thoughts themselves need not go back, what is signed must.
  const kept = parts.filter(({ thought, thoughtSignature }) => !thought || thoughtSignature);
  return {
    parts: signed(
      kept.map((part) => ({ ...part })),
      family,
    ),
    calls,
  };
}

/** Only the first of the calls of one step has a signature; newer models refuse one without. */
function signed(parts: readonly Fields[], family: GeminiFamily): readonly Fields[] {
  const first = parts.findIndex((part) => part.functionCall);
  if (!family.wantsSignatures || first < 0 || parts[first]?.thoughtSignature) return parts;
  return parts.map((part, at) => (at === first ? { ...part, thoughtSignature: NO_SIGNATURE } : part));
}

/** Whoever has changed the text or the calls of a reply wants that sent, not what came. */
function sameAs(turn: AssistantTurn, before: string, { parts, callIds }: GeminiReplay): boolean {
  if (!Array.isArray(parts) || !Array.isArray(callIds)) return false;
  const text = parts.map((part) => (part.thought ? "" : (part.text ?? ""))).join("");
  const answered = parts.flatMap(({ functionResponse }) => (functionResponse ? [functionResponse] : []));
  const calls = turn.toolCalls ?? [];
  const isCalled = calls.every(({ id }) => callIds.includes(id));
  return before + text === turn.content && isCalled && calls.length === callIds.length - answered.length;
}

function userParts(content: string | readonly ContentPart[], endpoint: Endpoint): readonly Fields[] {
  if (typeof content === "string") return textParts(content);
  return content.flatMap((part) => wirePart(part, endpoint));
}

function textParts(text: string): readonly Fields[] {
  return text === "" ? [] : [{ text: wellFormed(text) }];
}

function wirePart(part: ContentPart, endpoint: Endpoint): readonly Fields[] {
  if (part.type === "text") return textParts(part.text);
  if ("data" in part) return [{ inlineData: { mimeType: part.mediaType, data: base64TextOf(part.data) } }];
  const fileUri = "url" in part ? part.url : part.fileId;
  const mimeType = part.mediaType ?? MEDIA_TYPES[/\.(\w+)(?:[?#]|$)/.exec(fileUri)?.[1]?.toLowerCase() ?? ""];
  if (mimeType === undefined && "url" in part) {
    const message = `${endpoint.provider} wants to know what is at ${part.url}: give its \`mediaType\`.`;
    throw new SendError("invalidRequest", message);
  }
  return [{ fileData: { ...(mimeType && { mimeType }), fileUri } }];
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  heic: "image/heic",
  pdf: "application/pdf",
  txt: "text/plain",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  ogg: "audio/ogg",
  flac: "audio/flac",
  mp4: "video/mp4",
};
