/** The rules of the AI SDK's stream that every supported version keeps, and what a page shows of a stream. */

type Part = Readonly<Record<string, unknown>> & { readonly type: string };

/** The fields of each part: any other is refused by a version before 5.0.220 or 6.0.233. A question mark is optional. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  start: ["messageId"],
  "start-step": [],
  "finish-step": [],
  "text-start": ["id"],
  "text-delta": ["id", "delta"],
  "text-end": ["id"],
  "reasoning-start": ["id"],
  "reasoning-delta": ["id", "delta"],
  "reasoning-end": ["id"],
  "tool-input-start": ["toolCallId", "toolName"],
  "tool-input-delta": ["toolCallId", "inputTextDelta"],
  "tool-input-available": ["toolCallId", "toolName", "input", "providerExecuted?", "dynamic?"],
  "tool-input-error": ["toolCallId", "toolName", "input", "errorText"],
  "tool-output-available": ["toolCallId", "output", "providerExecuted?", "dynamic?"],
  "tool-output-error": ["toolCallId", "errorText", "providerExecuted?", "dynamic?"],
  "source-url": ["sourceId", "url", "title?"],
  file: ["url", "mediaType"],
  "data-relay-signature": ["data"],
  "message-metadata": ["messageMetadata"],
  finish: ["finishReason?", "messageMetadata?"],
  abort: [],
  error: ["errorText"],
};

const REASONS = ["stop", "length", "content-filter", "tool-calls", "error", "other"];
const ENDS = ["finish", "abort", "error"];

/** Returns the parts of a stream. */
export function partsIn(stream: string): readonly Part[] {
  return stream
    .split("\n\n")
    .filter((event) => event.startsWith("data: ") && event !== "data: [DONE]")
    .map((event) => JSON.parse(event.slice(6)) as Part);
}

/** Returns what a version could refuse in a stream that has ended, or would show for ever as unfinished. */
export function wireFaults(stream: string): readonly string[] {
  const faults: string[] = [];
  if (!/^(?:data: [^\n]+\n\n)+$/.test(stream)) faults.push("lines that are not one `data:` and a blank one");
  if (!stream.endsWith("data: [DONE]\n\n") || stream.split("[DONE]").length !== 2)
    faults.push("not one [DONE] at the end");
  const parts = partsIn(stream);
  const open = new Set<unknown>();
  const calls = new Map<unknown, string>();
  const steps = new Map<unknown, number>();
  let step = 0;
  for (const [index, part] of parts.entries()) {
    faults.push(...fieldFaults(part));
    const { type, id, toolCallId, finishReason } = part;
    if (ENDS.includes(type) !== (index === parts.length - 1)) faults.push(`${type} at ${index} of ${parts.length}`);
    if (type === "start" && index > 0) faults.push("a second start");
    if (finishReason !== undefined && !REASONS.includes(String(finishReason)))
      faults.push(`the reason ${finishReason}`);
    if (/^(?:text|reasoning)-start$/.test(type)) open.add(id);
    if (/^(?:text|reasoning)-delta$/.test(type) && !open.has(id)) faults.push("a delta without a start");
    if (/^(?:text|reasoning)-end$/.test(type) && !open.delete(id)) faults.push("an end without a start");
    if (type === "tool-input-delta" && calls.get(toolCallId) !== "input") faults.push("arguments of no call");
    if (type.startsWith("tool-output") && !calls.has(toolCallId)) faults.push("a result of no call");
    if (String(calls.get(toolCallId)).startsWith("tool-output")) faults.push("a call of an id that is taken");
    if (type === "start-step") step++;
    if (type.startsWith("tool-input") && (steps.get(toolCallId) ?? step) !== step) faults.push("a call in two steps");
    if (type === "tool-input-start") steps.set(toolCallId, step);
    if (type === "tool-input-start") calls.set(toolCallId, "input");
    if (/^tool-(?:input-(?:available|error)|output)/.test(type)) calls.set(toolCallId, type);
  }
  if (open.size > 0) faults.push("a text that never ends");
  for (const state of calls.values()) if (state === "input") faults.push("arguments that never end");
  if (parts.some(hasRefusedKey)) faults.push("a key that pages refuse");
  return faults;
}

function hasRefusedKey(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, "__proto__") || Object.values(value).some(hasRefusedKey);
}

function fieldFaults({ type, ...fields }: Part): readonly string[] {
  const known = FIELDS[type];
  if (!known) return [`the part ${type}`];
  const names = known.map((name) => name.replace("?", ""));
  return [
    ...Object.keys(fields)
      .filter((name) => !names.includes(name))
      .map((name) => `${type}.${name}`),
    ...known
      .filter((name) => !name.endsWith("?") && fields[name] === undefined)
      .map((name) => `${type} without ${name}`),
  ];
}

/** Returns the text, or the thinking, that a page shows. */
export function shownText(stream: string, type: "text" | "reasoning" = "text"): string {
  return partsIn(stream)
    .filter((part) => part.type === `${type}-delta`)
    .map(({ delta }) => delta)
    .join("");
}
