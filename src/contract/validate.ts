/** Validates a call before anything is sent. */

import { jsonFault } from "../platform/json-depth.ts";
import { hasFields, isJsonObject, type JsonObject } from "../platform/json-object.ts";
import { SendError } from "./errors.ts";
import type { ContentPart, Message } from "./message.ts";
import { type Fault, fieldsFault, isBetween, isBoolean, isMilliseconds, oneOf } from "./option-faults.ts";
import type { SearchParameters, SendOptions, Tool } from "./options.ts";
import type { RetryOptions } from "./retry-policy.ts";
import type { Timeouts } from "./timeouts.ts";
import { allNames, misspeltName, namesFault } from "./unknown-option.ts";

const isPositiveInteger: Fault = (value) =>
  Number.isSafeInteger(value) && Number(value) > 0 ? undefined : "must be an integer above 0";

const TIMEOUT_FAULTS: { readonly [Name in keyof Timeouts]-?: Fault } = {
  headers: isMilliseconds,
  firstChunk: isMilliseconds,
  idle: isMilliseconds,
  stall: isMilliseconds,
  total: isMilliseconds,
};

const RETRY_FAULTS: { readonly [Name in keyof RetryOptions]-?: Fault } = {
  max: (value) => (isCount(value) ? undefined : "must be an integer, 0 or more"),
  maxRetryAfterMs: (value) =>
    isBetween(value, 0, Number.POSITIVE_INFINITY) ? undefined : "must be milliseconds, 0 or more",
  budget: (value) => (value === false || isBetween(value, 0, 1) ? undefined : "must be a number from 0 to 1, or false"),
};

const SEARCH_SOURCES = ["web", "x", "news"];

const SEARCH_FAULTS: { readonly [Name in keyof SearchParameters]-?: Fault } = {
  mode: /* @__PURE__ */ oneOf("auto", "on", "off"),
  maxResults: isPositiveInteger,
  fromDate: dateFault,
  toDate: dateFault,
  allowedDomains: domainsFault,
  blockedDomains: domainsFault,
  country: (value) =>
    typeof value === "string" && /^[A-Za-z]{2}$/.test(value) ? undefined : "must be a code of two letters, such as DE",
  sources: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((source) => SEARCH_SOURCES.includes(source))
      ? undefined
      : `must be an array of ${SEARCH_SOURCES.join(", ")}`,
  citations: isBoolean,
};

const CACHE_FAULTS: Readonly<Record<string, Fault>> = {
  key: (value) => (typeof value === "string" && value !== "" ? undefined : "must be a non-empty string"),
  ttl: /* @__PURE__ */ oneOf("5m", "1h"),
};

/** The rule for `recover`. */
export const isRecovery: Fault = /* @__PURE__ */ oneOf("resume", "continue", "restart");

/** Every option of a call. */
const OPTION_FAULTS: { readonly [Name in keyof SendOptions]-?: Fault } = {
  signal: (value) => (value instanceof AbortSignal ? undefined : "must be an AbortSignal"),
  timeouts: (value) => (hasFields(value) ? undefined : "must be an object of milliseconds"),
  retries: (value) =>
    isCount(value) || hasFields(value) ? undefined : "must be an integer, 0 or more, or an object of settings",
  recover: isRecovery,
  maxReplyBytes: (value) =>
    isBetween(value, 1, Number.POSITIVE_INFINITY) ? undefined : "must be a number of bytes, 1 or more",
  headers: headersFault,
  maxOutputTokens: isPositiveInteger,
  temperature: (value) => (isBetween(value, 0, 2) ? undefined : "must be a number from 0 to 2"),
  topP: (value) => (isBetween(value, 0, 1) ? undefined : "must be a number from 0 to 1"),
  stop: (value) =>
    Array.isArray(value) && value.every((text) => typeof text === "string" && text !== "")
      ? undefined
      : "must be an array of non-empty strings",
  seed: (value) => (Number.isSafeInteger(value) ? undefined : "must be an integer"),
  tools: toolsFault,
  toolChoice: (value) =>
    value === "auto" ||
    value === "none" ||
    value === "required" ||
    (isJsonObject(value) && typeof value.name === "string")
      ? undefined
      : 'must be "auto", "none", "required" or { name }',
  invalidArguments: /* @__PURE__ */ oneOf("fail", "deliver"),
  reasoning: reasoningFault,
  output: (value) => (isSchema(value) ? schemaFault(value) : "must be a JSON Schema or a Standard Schema"),
  invalidOutput: /* @__PURE__ */ oneOf("fail", "deliver"),
  search: searchFault,
  promptCache: (value) =>
    typeof value === "boolean" || hasFields(value) ? undefined : "must be true, false or { key, ttl }",
  metadata: (value) =>
    hasFields(value) && Object.values(value).every((text) => typeof text === "string")
      ? undefined
      : "must be an object of strings",
  raw: isBoolean,
  unsupported: /* @__PURE__ */ oneOf("error", "ignore"),
  providerOptions: (value) => (hasFields(value) ? jsonFault(value) : "must be an object"),
};

/** The fields of options that are objects. */
const FIELD_FAULTS: Readonly<Record<string, Readonly<Record<string, Fault>>>> = {
  timeouts: TIMEOUT_FAULTS,
  retries: RETRY_FAULTS,
  search: SEARCH_FAULTS,
  promptCache: CACHE_FAULTS,
};

/**
 * Returns one sentence about the first invalid option; `undefined` if all are valid. Options that are `undefined` are
 * absent.
 * @param others names that are also valid in this place, and validated elsewhere
 */
export function optionsFault(
  options: Readonly<Record<string, unknown>>,
  others: readonly string[] = [],
): string | undefined {
  const fault = fieldsFault(options, OPTION_FAULTS, "", others);
  if (fault) return fault;
  for (const name in FIELD_FAULTS) {
    const fields = options[name];
    const inner = isJsonObject(fields) ? fieldsFault(fields, FIELD_FAULTS[name] ?? {}, `${name}.`) : undefined;
    if (inner) return inner;
  }
  return undefined;
}

/**
 * Returns one sentence about the first option whose name does not exist; `undefined` if all do.
 * @param others as for `optionsFault`
 */
export function optionNamesFault(options: object, others: readonly string[]): string | undefined {
  return namesFault(options, [...others, ...Object.keys(OPTION_FAULTS)]);
}

/** @throws {SendError} kind `invalidRequest` with the fault of the call */
export function checkCall(messages: readonly Message[], options: SendOptions): void {
  const fault =
    messagesFault(messages) ?? optionsFault(options as JsonObject) ?? (options.toolChoice && togetherFault(options));
  if (fault) throw new SendError("invalidRequest", fault);
}

/** Returns the fault of options that are valid one by one. */
function togetherFault({ toolChoice, tools, search, providerOptions }: SendOptions): string | undefined {
  if (!toolChoice || toolChoice === "none") return undefined;
  if (!tools?.length) return "`toolChoice` needs `tools` to choose from.";
  if (typeof toolChoice === "string" || search || providerOptions?.tools !== undefined) return undefined;
  const { name } = toolChoice;
  if (tools.some((tool) => tool.name === name)) return undefined;
  return `\`toolChoice\` names ${JSON.stringify(name)}, which is not among \`tools\`: ${tools.map((tool) => tool.name).join(", ")}.`;
}

/** Returns the fault of the messages of a call, as one sentence; `undefined` if they are valid. */
export function messagesFault(messages: unknown): string | undefined {
  if (!Array.isArray(messages)) return "`messages` must be an array of messages.";
  if (messages.length === 0) return "`messages` is empty. Give at least one message.";
  for (let index = 0; index < messages.length; index++) {
    const fault = messageFault(messages[index]);
    if (fault) return `Message ${index} ${fault}.`;
  }
  return undefined;
}

/** Returns the fault of one message, as the end of a sentence that names it; `undefined` for a valid message. */
export function messageFault(value: unknown): string | undefined {
  if (!isJsonObject(value)) return "is not an object";
  const message = value as Partial<Message>;
  switch (message.role) {
    case "system":
    case "assistant":
      if (typeof message.content !== "string") return `has the role ${message.role} but its content is not a string`;
      return message.role === "assistant"
        ? (toolCallsFault(message.toolCalls) ?? mediaFault(message.media))
        : undefined;
    case "tool":
      if (typeof message.toolCallId !== "string" || message.toolCallId === "") return "has no `toolCallId`";
      return typeof message.content === "string" ? undefined : "has the role tool but its content is not a string";
    case "user":
      return userContentFault(message.content);
    default:
      return `has the role ${JSON.stringify(value.role)}; roles are system, user, assistant, tool`;
  }
}

const NOT_CALLS = "has tool calls that are not each { id, name, arguments }";

/** Calls of any name and id are valid, also empty ones, since a model may have made them up. */
function toolCallsFault(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return NOT_CALLS;
  for (const call of value as readonly unknown[]) {
    if (!isJsonObject(call) || typeof call.id !== "string" || typeof call.name !== "string") return NOT_CALLS;
    const fault = jsonFault(call.arguments);
    if (fault) return `has a call of ${JSON.stringify(call.name)} whose \`arguments\` cannot be sent: it ${fault}`;
  }
  return undefined;
}

function userContentFault(content: unknown): string | undefined {
  if (typeof content === "string") return undefined;
  if (!Array.isArray(content) || content.length === 0)
    return "has content that is neither a string nor an array of parts";
  for (const part of content as Partial<ContentPart>[]) {
    if (part?.type === "text" && typeof part.text === "string") continue;
    if ((part?.type === "image" || part?.type === "file") && hasSource(part)) continue;
    return "has a part that is not { type: text, text }, or an image or file with data and mediaType, url or fileId";
  }
  return undefined;
}

/** Returns the fault of the media of a reply, as the end of a sentence that names it. */
export function mediaFault(media: unknown): string | undefined {
  if (media === undefined) return undefined;
  if (!Array.isArray(media)) return "has `media` that is not an array";
  const isRight = (item: unknown) =>
    isJsonObject(item) &&
    typeof item.mediaType === "string" &&
    [item.data, item.url, item.fileId].filter((source) => typeof source === "string").length === 1;
  return media.every(isRight)
    ? undefined
    : "has `media` that are not each { mediaType } with one of data (base64), url and fileId";
}

function hasSource(part: Readonly<Record<string, unknown>>): boolean {
  const { data, mediaType, url, fileId } = part;
  if (typeof url === "string") return URL.canParse(url);
  if (typeof fileId === "string") return fileId !== "";
  return (
    (typeof data === "string" || data instanceof Uint8Array) && typeof mediaType === "string" && mediaType.includes("/")
  );
}

function headersFault(value: unknown): string | undefined {
  if (!hasFields(value)) return "must be an object of strings";
  for (const [name, text] of Object.entries(value)) {
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) return `holds ${JSON.stringify(name)}, which is not a header name`;
    // A line break would add another header. The value may be secret, so the message does not show it.
    if (typeof text !== "string" || !/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) return `\`${name}\` is not a header value`;
  }
  return undefined;
}

/** The fields of a tool. It may have others, such as those of another library. */
const TOOL_FIELDS = /* @__PURE__ */ allNames<Tool>({
  name: true,
  description: true,
  parameters: true,
  timeoutMs: true,
  approve: true,
  run: true,
});

function toolsFault(value: unknown): string | undefined {
  if (!Array.isArray(value)) return "must be an array of tools";
  const names = value.map((tool: unknown) => (isJsonObject(tool) ? tool.name : undefined));
  const bad = names.find((name) => typeof name !== "string" || !/^[\w-]{1,64}$/.test(name));
  if (names.includes(undefined) || bad !== undefined)
    return `contains a tool whose name is not 1 to 64 letters, digits, _ or -`;
  for (const tool of value as readonly Partial<Tool>[]) {
    const { name, parameters, run, approve, timeoutMs } = tool;
    const wrong = misspeltName(tool, TOOL_FIELDS);
    if (wrong) return `contains the tool ${name}, whose \`${wrong.name}\` must be called \`${wrong.meant}\``;
    if (parameters !== undefined && !isSchema(parameters))
      return `contains the tool ${name}, whose \`parameters\` are neither a JSON Schema nor a Standard Schema`;
    const fault = parameters === undefined ? undefined : schemaFault(parameters);
    if (fault) return `contains the tool ${name}, whose schema of \`parameters\` ${fault}`;
    if (run !== undefined && typeof run !== "function")
      return `contains the tool ${name}, whose \`run\` is not a function`;
    if (approve !== undefined && typeof approve !== "boolean" && approve !== "ask" && typeof approve !== "function")
      return `contains the tool ${name}, whose \`approve\` is not true, false, "ask" or a function`;
    if (approve !== undefined && approve !== true && run === undefined)
      return `contains the tool ${name}, whose \`approve\` needs a \`run\`: without one, the caller decides`;
    if (timeoutMs !== undefined && !(typeof timeoutMs === "number" && timeoutMs >= 0))
      return `contains the tool ${name}, whose \`timeoutMs\` is not a number of milliseconds, 0 or more`;
  }
  return new Set(names).size < names.length ? "contains two tools of the same name" : undefined;
}

const EFFORTS: readonly unknown[] = ["none", "low", "medium", "high", "xhigh", "max"];

function reasoningFault(value: unknown): string | undefined {
  if (EFFORTS.includes(value)) return undefined;
  if (isJsonObject(value) && Number.isInteger(value.maxTokens) && Number(value.maxTokens) > 0) return undefined;
  return 'must be "none", "low", "medium", "high", "xhigh", "max" or { maxTokens } with an integer above 0';
}

function searchFault(value: unknown): string | undefined {
  if (!hasFields(value)) return "must be an object";
  const { allowedDomains, blockedDomains, fromDate, toDate } = value as SearchParameters;
  if (allowedDomains && blockedDomains) return "takes `allowedDomains` or `blockedDomains`, not both";
  return fromDate && toDate && fromDate > toDate ? "ends (`toDate`) before it begins (`fromDate`)" : undefined;
}

function dateFault(value: unknown): string | undefined {
  const isDate =
    typeof value === "string" &&
    /^\d{4}-\d{2}-\d{2}$/.test(value) &&
    !Number.isNaN(Date.parse(value)) &&
    new Date(value).toISOString().startsWith(value);
  return isDate ? undefined : "must be a day, written YYYY-MM-DD";
}

function domainsFault(value: unknown): string | undefined {
  return Array.isArray(value) &&
    value.length > 0 &&
    value.every((domain) => typeof domain === "string" && DOMAIN.test(domain))
    ? undefined
    : "must be an array of domains, such as example.com";
}

const DOMAIN = /^[^\s/:]+\.[^\s/:]+(?:\/\S*)?$/;

function isSchema(value: unknown): value is object {
  return hasFields(value) || ((isJsonObject(value) || typeof value === "function") && "~standard" in value);
}

/** Checks the parts of a Standard Schema that are used; an object or a function may have them. */
function schemaFault(value: object): string | undefined {
  return "~standard" in value ? undefined : jsonFault(value);
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0;
}
