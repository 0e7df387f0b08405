/** What providers refuse in a conversation, as far as their documents and recorded refusals tell: nothing is due. */

import { isJsonObject, type JsonObject } from "../../src/platform/json-object.ts";

/** What a provider would refuse in a request, in the wire format that its path tells. */
export function faultsOf(path: string, body: JsonObject): readonly string[] {
  if (path.endsWith("/messages")) return anthropicFaults(body);
  if (path.endsWith("/responses")) return responsesFaults(body);
  if (path.endsWith("/api/chat")) return ollamaFaults(body);
  return /generateContent/i.test(path) ? geminiFaults(body) : chatFaults(body);
}

function list(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? (value as JsonObject[]) : [];
}

function ids(blocks: readonly JsonObject[], name: string): readonly string[] {
  return blocks.map((block) => String(block[name])).sort();
}

function anthropicFaults(body: JsonObject): readonly string[] {
  const faults: string[] = [];
  const turns = list(body.messages);
  /** They may answer in a later reply. */
  const served: unknown[] = [];
  if (turns[0]?.role !== "user") faults.push("the first turn is not the user's");
  for (const [at, turn] of turns.entries()) {
    const blocks = list(turn.content);
    const next = turns[at + 1];
    if (turn.role === turns[at - 1]?.role) faults.push("two turns of one role");
    if (blocks.length === 0) faults.push("an empty turn");
    for (const { type, text, signature, id, input } of blocks) {
      if (type === "text" && (typeof text !== "string" || text === "")) faults.push("an empty text");
      if (type === "thinking" && !signature) faults.push("thinking without a signature");
      if (type === "tool_use" && !/^[\w-]+$/.test(String(id))) faults.push(`the id ${id}`);
      if (type === "tool_use" && !isJsonObject(input)) faults.push("an input that is no object");
    }
    const calls = ids(
      blocks.filter(({ type }) => type === "tool_use"),
      "id",
    );
    const answers = next ? list(next.content).filter(({ type }) => type === "tool_result") : [];
    if (calls.join() !== ids(answers, "tool_use_id").join()) faults.push("calls and results that do not match");
    if (calls.length > 0 && list(body.tools).length === 0) faults.push("calls without tools");
    const words = list(next?.content).findIndex(({ type }) => type !== "tool_result");
    if (words >= 0 && list(next?.content).findLastIndex(({ type }) => type === "tool_result") > words)
      faults.push("words before a result");
    served.push(...blocks.filter(({ type }) => type === "server_tool_use").map(({ id }) => id));
    for (const { type, tool_use_id } of blocks)
      if (String(type).endsWith("_tool_result") && type !== "tool_result" && type !== "mcp_tool_result")
        if (!served.includes(tool_use_id)) faults.push("a result of a server's tool that nobody called");
  }
  return faults;
}

function responsesFaults(body: JsonObject): readonly string[] {
  const faults: string[] = [];
  const items = list(body.input);
  const isCall = ({ type, call_id }: JsonObject) =>
    type === "function_call" || (type === "custom_tool_call" && body.model !== "grok" && call_id !== "");
  const calls = items.filter(isCall);
  const answers = items.filter(({ type }) => /^(function|custom_tool)_call_output$/.test(String(type)));
  if (ids(calls, "call_id").join() !== ids(answers, "call_id").join())
    faults.push("calls and outputs that do not match");
  for (const { call_id } of calls) if (String(call_id).length > 64) faults.push("an id that is too long");
  for (const [at, item] of items.entries()) {
    const previous = items[at - 1];
    if (item.type === "reasoning") {
      if (!Array.isArray(item.summary)) faults.push("reasoning without its summary");
      if (!item.encrypted_content) faults.push("reasoning that is not encrypted");
      if (item.id !== undefined) faults.push("reasoning by an id that was not kept");
      if ("status" in item) faults.push("reasoning with a status");
      const next = items[at + 1];
      if (!next || next.type === "reasoning" || next.role === "user") faults.push("reasoning without what it led to");
    }
    if (item.type === "message" && item.id !== undefined) faults.push("a message by an id that was not kept");
    if (item.type === "web_search_call" && previous?.role === "user" && body.wasThought === true)
      faults.push("a search without the reasoning before it");
    const parts = list(item.content);
    if (item.role === "assistant" && parts.some(({ type }) => type === "input_text"))
      faults.push("input by the assistant");
  }
  return faults;
}

function geminiFaults(body: JsonObject): readonly string[] {
  const faults: string[] = [];
  const contents = list(body.contents);
  if (contents[0]?.role !== "user") faults.push("the first content is not the user's");
  const lastWords = contents.findLastIndex(
    ({ role, parts }) => role === "user" && list(parts).some(({ text }) => text),
  );
  for (const [at, { role, parts: given }] of contents.entries()) {
    const parts = list(given);
    if (role !== "user" && role !== "model") faults.push(`the role ${role}`);
    if (parts.length === 0) faults.push("no parts");
    for (const part of parts) {
      const isEmpty = part.text === "" && !part.thoughtSignature;
      if (isEmpty) faults.push("an empty text");
      const members = Object.keys(part).filter((name) => !/^(thought|thoughtSignature|videoMetadata)$/.test(name));
      if (members.length !== 1) faults.push(`a part of ${members.length} members`);
    }
    if (role !== "model") continue;
    const ran = parts.filter(({ functionResponse }) => functionResponse).length;
    const calls = parts.filter(({ functionCall }) => functionCall);
    const answers = list(contents[at + 1]?.parts).filter(({ functionResponse }) => functionResponse);
    if (answers.length !== calls.length - ran) faults.push("calls and responses that do not match");
    for (const { functionCall } of calls)
      if (!isJsonObject((functionCall as JsonObject).args)) faults.push("args that are no object");
    const names = answers.map(({ functionResponse }) => (functionResponse as JsonObject).name);
    const called = calls.map(({ functionCall }) => (functionCall as JsonObject).name);
    if (ran === 0 && names.join() !== called.join()) faults.push("responses in another order than their calls");
    if (/gemini-3/.test(String(body.asked)) && at > lastWords && calls[0] && !calls[0].thoughtSignature)
      faults.push("a call without a signature");
  }
  return faults;
}

function chatFaults(body: JsonObject): readonly string[] {
  const faults: string[] = [];
  let open: string[] = [];
  for (const message of list(body.messages)) {
    if (message.role === "tool") {
      const id = String(message.tool_call_id);
      if (!open.includes(id)) faults.push(`a result of ${id}, which nobody called`);
      open = open.filter((other) => other !== id);
      continue;
    }
    if (open.length > 0) faults.push("a call without its result");
    const calls = list(message.tool_calls);
    open = calls.map(({ id }) => String(id));
    if (new Set(open).size < open.length) faults.push("two calls of one id");
    if (message.role === "assistant" && !message.content && calls.length === 0) faults.push("an empty turn");
    for (const call of calls) {
      const { name, arguments: args } = call.function as JsonObject;
      if (typeof args !== "string" || typeof name !== "string" || !isJsonObject(JSON.parse(args || "0")))
        faults.push("a call that is not one");
    }
  }
  if (open.length > 0) faults.push("a call without its result");
  return faults;
}

/** The server reads any order: its types are all that it checks. */
function ollamaFaults(body: JsonObject): readonly string[] {
  const faults: string[] = [];
  for (const message of list(body.messages)) {
    const calls = list(message.tool_calls);
    if (typeof message.content !== "string") faults.push("a content that is no text");
    if (message.role === "assistant" && message.content === "" && calls.length === 0) faults.push("an empty turn");
    if (message.role === "tool" && !message.tool_name) faults.push("a result without the name of its tool");
    for (const call of calls) {
      const { name, arguments: args } = call.function as JsonObject;
      if (typeof name !== "string" || !isJsonObject(args)) faults.push("a call that is not one");
    }
  }
  return faults;
}
