/** Which calls of one reply may run: what the `approve` of their tools says. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { AssistantMessage, ToolCall } from "../contract/message.ts";
import type { Approval, Tool } from "../contract/options.ts";
import { receivedText } from "../platform/received.ts";
import { argumentsFor } from "./tool-arguments.ts";

/** Whether a call runs. `fail`: its `approve` threw. */
export type Decision =
  | { readonly type: "run" }
  | { readonly type: "ask" }
  | { readonly type: "deny" }
  | { readonly type: "fail"; readonly error: unknown };

const RUN: Decision = { type: "run" };
const ASK: Decision = { type: "ask" };
const DENY: Decision = { type: "deny" };

/** The decisions about the calls of one reply. */
export class Approvals {
  readonly #tools: ReadonlyMap<string, Tool>;
  readonly #signal: AbortSignal;
  /** Whether any tool has an `approve` to ask. Most have none, and then nothing is looked at. */
  readonly #isNeeded: boolean;
  /** By the id of the call. A call whose decision is not there yet does not run. */
  readonly #decisions = new Map<string, Decision>();

  /** @param signal ends the turn */
  constructor(tools: ReadonlyMap<string, Tool>, signal: AbortSignal) {
    this.#tools = tools;
    this.#signal = signal;
    this.#isNeeded = [...tools.values()].some(({ approve = true }) => approve !== true);
  }

  /**
   * Decides about the calls among the chunks of one read, and about those of the final message that no chunk has shown.
   * @returns a promise that resolves when all are decided, and never rejects; `undefined` when nothing is to be decided
   */
  decide(batch: readonly MessageChunk[]): Promise<void> | undefined {
    if (!this.#isNeeded) return undefined;
    const decisions: Promise<void>[] = [];
    for (const chunk of batch) {
      if (chunk.type === "toolCall" && this.#isAsked(chunk.toolCall)) decisions.push(this.#decide(chunk.toolCall));
      if (chunk.type !== "final") continue;
      const others = callsOf(chunk.message).filter((call) => this.#isAsked(call) && !this.#decisions.has(call.id));
      decisions.push(...others.map((call) => this.#decide(call)));
    }
    return decisions.length === 0 ? undefined : Promise.all(decisions).then(() => undefined);
  }

  /** Returns the decision about a call. */
  of(call: ToolCall): Decision {
    return this.#decisions.get(call.id) ?? (this.#isAsked(call) ? ASK : RUN);
  }

  /** Returns a call, marked when it waits for an answer. */
  marked(call: ToolCall): ToolCall {
    return this.of(call).type === "ask" ? { ...call, needsApproval: true } : call;
  }

  /** Returns chunks whose calls are marked. */
  markedChunks(chunks: readonly MessageChunk[]): readonly MessageChunk[] {
    if (!this.#isNeeded) return chunks;
    return chunks.map((chunk) =>
      chunk.type === "toolCall" ? { ...chunk, toolCall: this.marked(chunk.toolCall) } : chunk,
    );
  }

  /** Returns a reply whose calls are marked. */
  markedReply(reply: AssistantMessage): AssistantMessage {
    const calls = callsOf(reply);
    if (!this.#isNeeded || !calls.some((call) => this.of(call).type === "ask")) return reply;
    return { ...reply, toolCalls: calls.map((call) => this.marked(call)) };
  }

  #isAsked({ name }: ToolCall): boolean {
    const { run, approve = true } = this.#tools.get(name) ?? {};
    return run !== undefined && approve !== true;
  }

  /** Of two calls with one id, the stricter decision counts: an answer cannot distinguish them. */
  async #decide(call: ToolCall): Promise<void> {
    const tool = this.#tools.get(call.name);
    const before = this.#decisions.get(call.id);
    if (before === undefined) this.#decisions.set(call.id, ASK); // until it is known
    const decision = tool ? await this.#decisionOf(call, tool) : RUN;
    this.#decisions.set(call.id, before && before.type !== "run" ? before : decision);
  }

  async #decisionOf(call: ToolCall, tool: Tool<unknown>): Promise<Decision> {
    const { approve } = tool;
    if (approve === false) return DENY;
    try {
      const validated = await argumentsFor(call, tool);
      if (validated.issues) return RUN; // running it gives the model what is wrong with the arguments
      if (approve === "ask") return ASK;
      const context = { signal: this.#signal, toolCallId: call.id };
      return decisionIn(typeof approve === "function" ? await approve(validated.value, context) : true);
    } catch (error) {
      return { type: "fail", error };
    }
  }
}

/** @throws {TypeError} for a value that is not an `Approval` */
function decisionIn(approval: Approval): Decision {
  switch (approval) {
    case true:
      return RUN;
    case false:
      return DENY;
    case "ask":
      return ASK;
    default:
      throw new TypeError(`\`approve\` must return true, false or "ask", not ${receivedText(approval)}.`);
  }
}

/** Any program may be a client. */
function callsOf(message: Partial<AssistantMessage> | undefined): readonly ToolCall[] {
  const calls: readonly unknown[] = Array.isArray(message?.toolCalls) ? message.toolCalls : [];
  return calls.filter((call): call is ToolCall => typeof call === "object" && call !== null);
}
