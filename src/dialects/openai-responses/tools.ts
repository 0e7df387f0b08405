/**
 * The tools of a Responses request → options of a call.
 * @see https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools
 */

import type { SearchParameters, SendOptions, Tool, ToolChoice } from "../../contract/options.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { badRequest, type Refusal } from "../refusal.ts";
import { type CallForms, flatName, type SpacedName, TOOL_SEARCH } from "./call-forms.ts";
import type { AddedTools } from "./input.ts";

/** The tools that a request may use. */
export interface RequestedTools {
  readonly options: Pick<SendOptions, "tools" | "toolChoice" | "search">;
  /** How their calls are written. */
  readonly forms: CallForms;
}

const WEB_SEARCH = /^web_search(?:_preview)?(?:_\d{4}_\d{2}_\d{2})?$/;

/**
 * Reads `tools`, those that items of the input add, and `tool_choice`.
 * @param added the lists of tools in the input, in their order: see `addedTools`
 * @throws {Refusal} 400 that names a tool that only OpenAI's own servers have
 */
export function toolsOf(given: unknown, added: readonly AddedTools[], choice: unknown): RequestedTools {
  const lists = [{ tools: given ?? [], at: "tools" }, ...added];
  const read = new ToolList(lists.some(({ tools }) => Array.isArray(tools) && tools.some(isClientSearch)));
  for (const { tools, at } of lists) {
    if (!Array.isArray(tools)) throw badRequest(`\`${at}\` must be an array.`);
    for (const [index, item] of (tools as readonly unknown[]).entries()) read.add(item, `${at}[${index}]`, undefined);
  }
  const { search, forms } = read;
  const tools = [...read.tools.values()];
  const { choice: toolChoice, allowed, searches } = choiceOf(choice);
  const usable = allowed ? tools.filter(({ name }) => allowed.includes(name)) : tools;
  return {
    options: {
      ...(usable.length > 0 && { tools: usable }),
      ...(toolChoice !== undefined && usable.length > 0 && { toolChoice }),
      ...(search && choice !== "none" && { search: searches ? { ...search, mode: "on" } : search }),
    },
    forms,
  };
}

/** Collects tools by the names that the model knows. A tool that is given again replaces the earlier one. */
class ToolList {
  readonly tools = new Map<string, Tool>();
  readonly #textTools = new Set<string>();
  readonly #spaces: Record<string, SpacedName> = {};
  #toolSearch: string | undefined;
  search: SearchParameters | undefined;
  readonly #isSearched: boolean;

  /** @param isSearched whether the program finds deferred tools for the model, and adds those that it has found */
  constructor(isSearched: boolean) {
    this.#isSearched = isSearched;
  }

  get forms(): CallForms {
    return {
      textTools: [...this.#textTools],
      ...(Object.keys(this.#spaces).length > 0 && { spaces: this.#spaces }),
      ...(this.#toolSearch !== undefined && { toolSearch: this.#toolSearch }),
    };
  }

  /** @param about precedes the tool's own description */
  add(item: unknown, at: string, namespace: string | undefined, about = ""): void {
    if (!isJsonObject(item)) throw badRequest(`\`${at}\` must be an object.`);
    const { type } = item;
    // An item that the search has found says also that it is deferred.
    if (item.defer_loading === true && this.#isSearched && at.startsWith("tools[")) return;
    if (type === "function") this.#name(functionOf(item, at), namespace, about);
    else if (type === "custom") this.#textTools.add(this.#name(textToolOf(item, at), namespace, about));
    else if (namespace !== undefined) throw unsupported(type, at);
    else if (type === "namespace") this.#addSpace(item, at);
    else if (type === "tool_search") this.#addToolSearch(item, at);
    else if (typeof type === "string" && WEB_SEARCH.test(type)) this.search = searchOf(item);
    else throw unsupported(type, at);
  }

  /** The first tool of a namespace describes the namespace as well. */
  #addSpace({ name, description, tools }: JsonObject, at: string): void {
    if (typeof name !== "string" || name === "") throw badRequest(`\`${at}.name\` must be a string.`);
    if (!Array.isArray(tools)) throw badRequest(`\`${at}.tools\` must be an array.`);
    const about = typeof description === "string" && description !== "" ? `${name}: ${description}` : "";
    for (const [index, tool] of (tools as readonly unknown[]).entries()) {
      this.add(tool, `${at}.tools[${index}]`, name, index === 0 ? about : "");
    }
  }

  /** A search that OpenAI's server would run is not needed: the model gets all tools at once. */
  #addToolSearch(item: JsonObject, at: string): void {
    if (!isClientSearch(item)) return;
    this.#toolSearch = this.#name(functionOf({ ...item, name: TOOL_SEARCH }, at), undefined);
  }

  #name(tool: Tool, namespace: string | undefined, about = ""): string {
    const name = flatName(namespace, tool.name);
    const spaced = name !== tool.name && namespace !== undefined ? { namespace, name: tool.name } : undefined;
    if (this.tools.has(name) && !isSame(this.#spaces[name], spaced)) {
      throw badRequest(`Two of the \`tools\` have the name ${name} at the model. Rename one of them.`);
    }
    this.#textTools.delete(name);
    if (spaced) this.#spaces[name] = spaced;
    const description = [about, tool.description].filter((text) => text).join("\n\n");
    this.tools.set(name, { ...tool, name, ...(description !== "" && { description }) });
    return name;
  }
}

function isSame(one: SpacedName | undefined, other: SpacedName | undefined): boolean {
  return one?.namespace === other?.namespace && one?.name === other?.name;
}

function isClientSearch(item: unknown): boolean {
  return isJsonObject(item) && item.type === "tool_search" && item.execution === "client";
}

function unsupported(type: unknown, at: string): Refusal {
  return badRequest(`\`${at}.type\` ${JSON.stringify(type) ?? "is missing and"} is not supported.`);
}

/** A function, also in the nested form of Chat Completions, which some clients mix in. */
function functionOf(item: JsonObject, at: string): Tool {
  const { name, description, parameters } = isJsonObject(item.function) ? item.function : item;
  if (typeof name !== "string" || name === "") throw badRequest(`\`${at}.name\` must be a string.`);
  if (parameters !== undefined && parameters !== null && !isJsonObject(parameters)) {
    throw badRequest(`\`${at}.parameters\` must be a JSON Schema.`);
  }
  return {
    name,
    ...(typeof description === "string" && { description }),
    ...(isJsonObject(parameters) && { parameters }),
  };
}

/** A tool that takes plain text, perhaps by a grammar: providers other than OpenAI have only functions. */
function textToolOf(item: JsonObject, at: string): Tool {
  const { name, description, format } = isJsonObject(item.custom) ? item.custom : item;
  if (typeof name !== "string" || name === "") throw badRequest(`\`${at}.name\` must be a string.`);
  const about = [typeof description === "string" ? description : "", grammarOf(format)].filter((text) => text !== "");
  return {
    name,
    ...(about.length > 0 && { description: about.join("\n\n") }),
    parameters: {
      type: "object",
      properties: { input: { type: "string", description: "The complete input of the tool, as plain text." } },
      required: ["input"],
      additionalProperties: false,
    },
  };
}

function grammarOf(format: unknown): string {
  if (!isJsonObject(format) || format.type !== "grammar") return "";
  const { syntax, definition } = isJsonObject(format.grammar) ? format.grammar : format;
  return `The input must match this ${String(syntax)} grammar:\n${String(definition)}`;
}

function searchOf({ filters, user_location }: JsonObject): SearchParameters {
  const { allowed_domains, blocked_domains } = isJsonObject(filters) ? filters : {};
  const { country } = isJsonObject(user_location) ? user_location : {};
  return {
    mode: "auto",
    ...(isTexts(allowed_domains) && { allowedDomains: allowed_domains }),
    ...(isTexts(blocked_domains) && { blockedDomains: blocked_domains }),
    ...(typeof country === "string" && country !== "" && { country }),
  };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === "string");
}

interface Choice {
  readonly choice?: ToolChoice | undefined;
  /** The names of the only tools that may be called. */
  readonly allowed?: readonly unknown[] | undefined;
  /** Whether the model must search. */
  readonly searches?: boolean | undefined;
}

function nameIn({ name, namespace }: JsonObject): unknown {
  return typeof name === "string" ? flatName(namespace, name) : undefined;
}

function choiceOf(given: unknown): Choice {
  if (given === undefined || given === null) return {};
  if (given === "auto" || given === "none" || given === "required") return { choice: given };
  if (!isJsonObject(given)) throw badRequest("`tool_choice` must be auto, none, required or an object.");
  const { type, name, mode, tools } = given;
  if (type === "function" || type === "custom") {
    const nested = given[type];
    const named = name ?? (isJsonObject(nested) ? nested.name : undefined);
    if (typeof named === "string") return { choice: { name: flatName(given.namespace, named) } };
    throw badRequest("`tool_choice.name` must be a string.");
  }
  if (type === "allowed_tools" && Array.isArray(tools)) {
    const allowed = (tools as readonly unknown[]).map((tool) => (isJsonObject(tool) ? nameIn(tool) : undefined));
    return { choice: mode === "required" ? "required" : "auto", allowed };
  }
  if (typeof type === "string" && WEB_SEARCH.test(type)) return { searches: true };
  throw badRequest(`\`tool_choice.type\` ${JSON.stringify(type) ?? "is missing and"} is not supported.`);
}
