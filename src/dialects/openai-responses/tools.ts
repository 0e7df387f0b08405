/**
 * The tools of a Responses request → options of a call.
 * @see https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools
 */

import type { SearchParameters, SendOptions, Tool, ToolChoice } from "../../contract/options.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { badRequest } from "../refusal.ts";

/** The tools that a request may use. */
export interface RequestedTools {
  readonly options: Pick<SendOptions, "tools" | "toolChoice" | "search">;
  /** The names of tools whose input is plain text. The model gets them as functions with the one argument `input`. */
  readonly textTools: readonly string[];
}

const WEB_SEARCH = /^web_search(?:_preview)?(?:_\d{4}_\d{2}_\d{2})?$/;

/**
 * Reads `tools` and `tool_choice`.
 * @throws {Refusal} 400 that names a tool that only OpenAI's own servers have
 */
export function toolsOf(given: unknown, choice: unknown): RequestedTools {
  if (given !== undefined && given !== null && !Array.isArray(given)) throw badRequest("`tools` must be an array.");
  const tools: Tool[] = [];
  const textTools: string[] = [];
  let search: SearchParameters | undefined;
  for (const [index, item] of ((given ?? []) as readonly unknown[]).entries()) {
    const at = `tools[${index}]`;
    if (!isJsonObject(item)) throw badRequest(`\`${at}\` must be an object.`);
    const { type } = item;
    if (type === "function") tools.push(functionOf(item, at));
    else if (type === "custom") {
      const tool = textToolOf(item, at);
      tools.push(tool);
      textTools.push(tool.name);
    } else if (typeof type === "string" && WEB_SEARCH.test(type)) search = searchOf(item);
    else throw badRequest(`\`${at}.type\` ${JSON.stringify(type) ?? "is missing and"} is not supported.`);
  }
  const { choice: toolChoice, allowed, searches } = choiceOf(choice);
  const usable = allowed ? tools.filter(({ name }) => allowed.includes(name)) : tools;
  return {
    options: {
      ...(usable.length > 0 && { tools: usable }),
      ...(toolChoice !== undefined && usable.length > 0 && { toolChoice }),
      ...(search && choice !== "none" && { search: searches ? { ...search, mode: "on" } : search }),
    },
    textTools,
  };
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

function choiceOf(given: unknown): Choice {
  if (given === undefined || given === null) return {};
  if (given === "auto" || given === "none" || given === "required") return { choice: given };
  if (!isJsonObject(given)) throw badRequest("`tool_choice` must be auto, none, required or an object.");
  const { type, name, mode, tools } = given;
  if (type === "function" || type === "custom") {
    const nested = given[type];
    const named = name ?? (isJsonObject(nested) ? nested.name : undefined);
    if (typeof named === "string") return { choice: { name: named } };
    throw badRequest("`tool_choice.name` must be a string.");
  }
  if (type === "allowed_tools" && Array.isArray(tools)) {
    const allowed = (tools as readonly unknown[]).map((tool) => (isJsonObject(tool) ? tool.name : undefined));
    return { choice: mode === "required" ? "required" : "auto", allowed };
  }
  if (typeof type === "string" && WEB_SEARCH.test(type)) return { searches: true };
  throw badRequest(`\`tool_choice.type\` ${JSON.stringify(type) ?? "is missing and"} is not supported.`);
}
