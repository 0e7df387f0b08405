/** A relay for front ends of AG-UI, and the rules that their clients enforce. */

import { agUi, memoryLog, type RelayOptions } from "../../src/server/index.ts";
import type { ReplyScript } from "../../src/testing/index.ts";
import { OPEN_RELAY, type RelaySite, relaySite } from "./relay-site.ts";

/** Starts a relay that plays these scripts to front ends of AG-UI. */
export function agUiSite(
  scripts: readonly ReplyScript[] | (() => ReplyScript),
  options: Partial<Omit<RelayOptions, "client">> = {},
): Promise<RelaySite> {
  return relaySite(scripts, { ...OPEN_RELAY, log: memoryLog(), dialect: agUi, ...options });
}

/** An event as it is on the wire. */
export interface WireEvent {
  readonly id: string;
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Returns the events of a body, whose comments are left out. */
export function wireEvents(body: string): readonly WireEvent[] {
  return body
    .split("\n\n")
    .filter((block) => block !== "" && !block.startsWith(":"))
    .map((block) => {
      const [, id = "", data = ""] = /^id: (.+)\ndata: (.+)$/.exec(block) ?? [];
      const fields = JSON.parse(data) as Record<string, unknown>;
      return { id, type: String(fields.type), fields };
    });
}

/** Events that open and close a part, by the field that names the part. */
const PAIRS: Readonly<Record<string, readonly [close: string, field: string]>> = {
  TEXT_MESSAGE_START: ["TEXT_MESSAGE_END", "messageId"],
  REASONING_START: ["REASONING_END", "messageId"],
  REASONING_MESSAGE_START: ["REASONING_MESSAGE_END", "messageId"],
  TOOL_CALL_START: ["TOOL_CALL_END", "toolCallId"],
};

/** Events that need an open part. */
const INSIDE: Readonly<Record<string, string>> = {
  TEXT_MESSAGE_CONTENT: "TEXT_MESSAGE_START",
  REASONING_MESSAGE_CONTENT: "REASONING_MESSAGE_START",
  TOOL_CALL_ARGS: "TOOL_CALL_START",
};

/** Returns the rules that a stream breaks: those of the strictest of AG-UI's clients, of any version. */
export function wireFaults(events: readonly WireEvent[]): readonly string[] {
  const faults: string[] = [];
  const open = new Set<string>();
  const ids = new Set<string>();
  for (const [index, { id, type, fields }] of events.entries()) {
    const at = `${index} ${type}`;
    if (id === "" || ids.has(id)) faults.push(`${at}: the id "${id}" is not new`);
    ids.add(id);
    if (index === 0 && type !== "RUN_STARTED" && type !== "RUN_ERROR") faults.push(`${at} is first`);
    if (JSON.stringify(fields).includes(":null")) faults.push(`${at} has a null`);
    if (fields.delta === "") faults.push(`${at} is empty`);
    const pair = PAIRS[type];
    if (pair) open.add(`${type} ${fields[pair[1]]}`);
    const closed = Object.entries(PAIRS).find(([, [close]]) => close === type);
    if (closed && !open.delete(`${closed[0]} ${fields[closed[1][1]]}`)) faults.push(`${at} closes nothing`);
    const needed = INSIDE[type];
    if (needed && !open.has(`${needed} ${fields[PAIRS[needed]?.[1] ?? ""]}`)) faults.push(`${at} is outside`);
    if (type === "RUN_FINISHED" && open.size > 0) faults.push(`${at} leaves ${[...open].join(", ")} open`);
    const isTerminal = type === "RUN_FINISHED" || type === "RUN_ERROR";
    if (isTerminal !== (index === events.length - 1)) faults.push(`${at} is ${isTerminal ? "not" : "the"} last`);
  }
  return faults;
}

/** The messages that a page shows after these events, as AG-UI's clients apply them. */
export function pageOf(events: readonly WireEvent[], before: readonly object[] = []): readonly object[] {
  type Shown = { id: unknown; role: unknown; content?: string; toolCalls?: { id: unknown; args: string }[] };
  let messages = structuredClone(before) as Shown[];
  const find = (id: unknown, role: string): Shown => {
    const there = messages.find((message) => message.id === id);
    if (there) return there;
    const added = { id, role };
    messages.push(added);
    return added;
  };
  const callOf = (id: unknown) => messages.flatMap(({ toolCalls = [] }) => toolCalls).find((call) => call.id === id);
  for (const { type, fields } of events) {
    const { messageId, delta, toolCallId, parentMessageId, content } = fields;
    if (type === "MESSAGES_SNAPSHOT") messages = structuredClone(fields.messages) as Shown[];
    const role = type.startsWith("TEXT_MESSAGE")
      ? "assistant"
      : type.startsWith("REASONING_M")
        ? "reasoning"
        : undefined;
    if (role && typeof delta === "string") {
      const message = find(messageId, role);
      message.content = (message.content ?? "") + delta;
    }
    if (type === "TOOL_CALL_START" && !callOf(toolCallId)) {
      const message = find(parentMessageId, "assistant");
      message.toolCalls = [...(message.toolCalls ?? []), { id: toolCallId, args: "" }];
    }
    if (type === "TOOL_CALL_ARGS") {
      const call = callOf(toolCallId);
      if (call) call.args += String(delta);
    }
    if (type === "TOOL_CALL_RESULT") find(messageId, "tool").content = String(content);
  }
  return messages;
}

/** Returns the request of a front end of AG-UI. */
export function runInput(url: string, fields: object = {}, headers: Readonly<Record<string, string>> = {}): Request {
  const user = { id: "u1", role: "user", content: "Hi" };
  return new Request(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ threadId: "th", runId: "r1", messages: [user], tools: [], ...fields }),
  });
}
