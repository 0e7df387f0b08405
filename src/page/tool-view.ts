/** A call of a tool: what it does, with what, and what came of it. A call that waits asks the person. */

import type { ChatToolCall } from "../web/index.ts";
import { visibleJson } from "./visible-json.ts";
import { h, icon, type VElement } from "./vnode.ts";

/** UTF-16 units of the arguments in the line of a call. */
const BRIEF = 60;

/** Longer results are cut, in UTF-16 units. */
const MAX_RESULT = 20_000;

const WORDS: Readonly<Record<ChatToolCall["state"], string>> = {
  writing: "is about to run",
  running: "is running",
  needsApproval: "waits for you",
  needsResult: "waits for a result",
  answered: "is answered",
  done: "has run",
  failed: "has failed",
  denied: "was refused",
};

const ICONS: Readonly<Record<ChatToolCall["state"], string>> = {
  writing: "tool",
  running: "tool",
  needsApproval: "ask",
  needsResult: "ask",
  answered: "ask",
  done: "done",
  failed: "failed",
  denied: "failed",
};

/** Returns the element of a call. */
export function toolView(call: ChatToolCall): VElement {
  const asks = call.state === "needsApproval" || call.state === "needsResult";
  return h(
    "div",
    { class: `tool is-${call.state}`, key: `tool-${call.id}` },
    h(
      "details",
      {},
      h(
        "summary",
        {},
        icon(ICONS[call.state]),
        h("strong", { dir: "auto" }, call.name),
        h("span", {}, WORDS[call.state]),
        h("span", { class: "brief", dir: "auto" }, briefOf(call)),
      ),
      h("dl", {}, ...fieldsOf(call)),
    ),
    asks && question(call),
  );
}

function question({ id, name, state, arguments: given }: ChatToolCall): VElement {
  const canRun = state === "needsApproval";
  const asked = canRun ? `Let ${name} run?` : `${name} waits for a result that this page cannot give.`;
  return h(
    "div",
    { class: "question", role: "group", "aria-label": asked },
    h("p", {}, h("strong", {}, asked)),
    h("pre", { tabindex: "0", role: "group", "aria-label": "Arguments" }, h("code", {}, prettyOf(given))),
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "button", "data-action": "deny", "data-call": id }, "Refuse"),
      canRun && h("button", { type: "button", class: "primary", "data-action": "allow", "data-call": id }, "Allow"),
    ),
  );
}

function fieldsOf({ arguments: given, argumentsText, result }: ChatToolCall): readonly VElement[] {
  const input = prettyOf(given === undefined ? (argumentsText ?? "") : given);
  return [
    h("dt", {}, "Arguments"),
    h("dd", {}, h("pre", { tabindex: "0" }, h("code", {}, input))),
    ...(result === undefined || result === ""
      ? []
      : [h("dt", {}, "Result"), h("dd", {}, h("pre", { tabindex: "0" }, h("code", {}, resultOf(result))))]),
  ];
}

function briefOf({ arguments: given, argumentsText = "" }: ChatToolCall): string {
  const text = given === undefined ? argumentsText : typeof given === "string" ? given : JSON.stringify(given);
  const line = visibleJson(text.replace(/\s+/g, " ").replace(/^\{|\}$/g, ""));
  return line.length <= BRIEF ? line : `${line.slice(0, BRIEF - 1)}…`;
}

/** A person decides by what is shown: letters that hide others, or turn their order, are shown as escapes. */
function prettyOf(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
  return text.split("\n").map(visibleJson).join("\n");
}

function resultOf(text: string): string {
  const shown = pretty(text);
  return shown.length <= MAX_RESULT ? shown : `${shown.slice(0, MAX_RESULT)}\n…`;
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
