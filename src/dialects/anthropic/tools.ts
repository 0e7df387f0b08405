/**
 * The tools of a request of Anthropic Messages: those that are declared, and what the messages say about them.
 * @see https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/tool-search-tool
 */

import type { SearchParameters, Tool, ToolChoice } from "../../contract/options.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { withoutUndefined } from "../../platform/without-undefined.ts";
import { arrayOf, objectOf, requiredString, stopsOf, stringOf } from "../gateway/fields.ts";
import { badRequest } from "../refusal.ts";

/** The tools that a request offers to the model. */
export interface Tools {
  readonly tools: readonly Tool[];
  readonly search: SearchParameters | undefined;
}

/**
 * Reads `tools`, and the blocks of `messages` that offer more of them or withdraw some.
 * @throws {Refusal} 400 that names a tool that only Anthropic's own models or servers have
 */
export function toolsOf(declared: unknown, messages: unknown): Tools {
  const list = new ToolList();
  for (const [index, item] of arrayOf(declared, "`tools`").entries()) list.declare(item, `tools.${index}`);
  for (const [index, message] of arrayOf(messages, "`messages`").entries()) {
    if (isJsonObject(message)) list.read(message.content, `messages.${index}.content`);
  }
  return { tools: list.offered, search: list.search };
}

/** The search for tools that Anthropic's server would run. */
const SERVER_SEARCH = /^tool_search_tool_/;

interface DeclaredTool {
  readonly tool: Tool;
  state: "offered" | "deferred" | "withdrawn";
}

/** Tools by name, each in its place. */
class ToolList {
  readonly #tools = new Map<string, DeclaredTool>();
  #isServerSearched = false;
  search: SearchParameters | undefined;

  /** A search that the server would run is not needed: the model gets all tools at once. */
  get offered(): readonly Tool[] {
    const isOffered = ({ state }: DeclaredTool): boolean =>
      state === "offered" || (state === "deferred" && this.#isServerSearched);
    return [...this.#tools.values()].filter(isOffered).map(({ tool }) => tool);
  }

  /** Tools of the caller, and the web search; other tools of Anthropic's own need its models or servers. */
  declare(item: unknown, place: string): void {
    const given = objectOf(item, `\`${place}\``);
    const type = stringOf(given.type, `\`${place}.type\``) ?? "custom";
    if (type.startsWith("web_search_")) this.search = searchOf(given, place);
    else if (SERVER_SEARCH.test(type)) this.#isServerSearched = true;
    else if (type === "custom") {
      const tool = toolOf(given, place);
      this.#tools.set(tool.name, { tool, state: given.defer_loading === true ? "deferred" : "offered" });
    } else {
      throw badRequest(`\`${place}\` has the type ${JSON.stringify(type)}. Only tools of your own can be called here.`);
    }
  }

  /** Reads what a content says about tools; `tool_reference` may be in a result. */
  read(content: unknown, place: string): void {
    if (!Array.isArray(content)) return;
    for (const [index, block] of (content as readonly unknown[]).entries()) {
      if (!isJsonObject(block)) continue;
      const inner = `${place}.${index}`;
      if (block.type === "tool_reference") this.#set(block.tool_name, "offered");
      else if (block.type === "tool_addition") this.#add(objectOf(block.tool, `\`${inner}.tool\``), `${inner}.tool`);
      else if (block.type === "tool_removal" && isJsonObject(block.tool)) this.#set(block.tool.name, "withdrawn");
      else this.read(block.content, `${inner}.content`);
    }
  }

  #add({ type, name, definition }: JsonObject, place: string): void {
    if (type === "tool_reference") return this.#set(name, "offered");
    if (type !== "tool_definition") throw badRequest(`\`${place}.type\` must be tool_reference or tool_definition.`);
    const defined = objectOf(definition, `\`${place}.definition\``);
    this.declare(defined, `${place}.definition`);
    this.#set(defined.name, "offered");
  }

  #set(name: unknown, state: DeclaredTool["state"]): void {
    const known = typeof name === "string" ? this.#tools.get(name) : undefined;
    if (known) known.state = state;
  }
}

function toolOf(tool: JsonObject, place: string): Tool {
  return {
    name: requiredString(tool.name, `\`${place}.name\``),
    parameters: objectOf(tool.input_schema ?? { type: "object" }, `\`${place}.input_schema\``),
    ...withoutUndefined({ description: stringOf(tool.description, `\`${place}.description\``) }),
  };
}

function searchOf(tool: JsonObject, place: string): SearchParameters {
  const domains = (name: string): readonly string[] | undefined => stopsOf(tool[name], `\`${place}.${name}\``);
  const location = isJsonObject(tool.user_location) ? tool.user_location : {};
  return withoutUndefined({
    allowedDomains: domains("allowed_domains"),
    blockedDomains: domains("blocked_domains"),
    country: stringOf(location.country, `\`${place}.user_location.country\``),
  });
}

/**
 * Returns the choice of a tool.
 * @throws {Refusal} 400 when it is not one
 */
export function choiceOf(value: unknown): ToolChoice | undefined {
  if (value === undefined || value === null) return undefined;
  const choice = objectOf(value, "`tool_choice`");
  switch (choice.type) {
    case "auto":
    case "none":
      return choice.type;
    case "any":
      return "required";
    case "tool":
      return { name: requiredString(choice.name, "`tool_choice.name`") };
    default:
      throw badRequest("`tool_choice.type` must be auto, any, tool or none.");
  }
}
