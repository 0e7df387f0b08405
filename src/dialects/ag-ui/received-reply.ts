/** The messages of one reply, as a front end sends them back → the turns of a conversation. */

import { mayLoseDigits, parseExact } from "../../platform/exact-json.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import type { CallApproval } from "../native/wire.ts";
import type { AgUiMessage } from "./events.ts";
import { textOf } from "./parts.ts";

/**
 * A call carries the relay's signature on its reply, which clients return as its `encryptedValue`. The mark says that
 * the call waits for approval.
 */
const APPROVAL_MARK = "approval.";

/** Returns the signature as a call carries it. */
export function sealOf(signature: string, needsApproval: boolean): string {
  return needsApproval ? APPROVAL_MARK + signature : signature;
}

/** Returns the result of a tool as a turn. */
export function resultOf({ toolCallId, content, error }: AgUiMessage): JsonObject {
  const isError = error !== undefined && error !== null;
  return { role: "tool", toolCallId, content: textOf(content), ...(isError && { isError }) };
}

interface Call {
  readonly id: unknown;
  readonly turn: JsonObject;
  readonly signature: string | undefined;
  readonly needsApproval: boolean;
  result?: JsonObject;
}

/** Collects the messages of one reply. Its texts are one, as in the relay's own message. */
export class ReceivedReply {
  #text = "";
  readonly #calls: Call[] = [];

  add({ content, toolCalls }: AgUiMessage): void {
    this.#text += textOf(content);
    if (!Array.isArray(toolCalls)) return;
    for (const item of toolCalls as readonly unknown[]) {
      const call = isJsonObject(item) ? callOf(item) : undefined;
      if (call) this.#calls.push(call);
    }
  }

  answer(message: AgUiMessage): void {
    const call = this.#calls.find(({ id }) => id === message.toolCallId);
    if (call) call.result ??= resultOf(message);
  }

  /** Returns whether a call of the page has its result: another reply follows. */
  isAnswered(signed: boolean): boolean {
    return this.#answered(signed).length > 0;
  }

  /** Returns the turns of an earlier reply. A call without a result cannot be sent: providers refuse it. */
  turns(signed: boolean): readonly JsonObject[] {
    return this.#turns(this.#answered(signed), new Set());
  }

  /**
   * Returns the turns of the reply that the request answers.
   * @param answers decisions about its calls, which have no results
   */
  lastTurns(signed: boolean, answers: readonly CallApproval[]): readonly JsonObject[] {
    const decided = new Set<unknown>(answers.map(({ toolCallId }) => toolCallId));
    if (!this.#calls.some(({ id }) => decided.has(id))) {
      // The relay says of results which of their calls it has not signed.
      return this.turns(signed && (this.isAnswered(true) || !this.isAnswered(false)));
    }
    const sealed = this.#calls.filter(({ signature }) => signature !== undefined);
    return this.#turns(sealed.length > 0 ? sealed : this.#calls, decided);
  }

  /** A signature covers all calls. A result of a call that a person allowed is the relay's, and not signed. */
  #answered(signed: boolean): readonly Call[] {
    if (signed && this.#calls.some(({ needsApproval }) => needsApproval)) return [];
    return this.#calls.filter(({ result, signature }) => result && (!signed || signature !== undefined));
  }

  /** @param decided the calls that get no result, because a person has decided about them */
  #turns(calls: readonly Call[], decided: ReadonlySet<unknown>): readonly JsonObject[] {
    if (this.#text === "" && calls.length === 0) return [];
    const signature = calls.find((call) => call.signature !== undefined)?.signature;
    const toolCalls = calls.map(({ turn, needsApproval }) => {
      return needsApproval && decided.size > 0 ? { ...turn, needsApproval } : turn;
    });
    const turn = {
      role: "assistant",
      content: this.#text,
      ...(calls.length > 0 && { toolCalls }),
      ...(signature !== undefined && { replay: { provider: "relay", protocol: "signature", data: signature } }),
    };
    const results = calls.flatMap(({ id, result }): readonly JsonObject[] =>
      result && !decided.has(id) ? [result] : [],
    );
    return [turn, ...results];
  }
}

/** Returns `undefined` for arguments that are not JSON: of a reply that was stopped in the middle of a call. */
function callOf({ id, function: called, encryptedValue }: JsonObject): Call | undefined {
  if (!isJsonObject(called)) return undefined;
  const { name, arguments: text } = called;
  const args = typeof text === "string" ? argumentsOf(text) : undefined;
  if (args === undefined) return undefined;
  const raw = mayLoseDigits(String(text)) ? { rawArguments: text } : {};
  const seal = typeof encryptedValue === "string" ? encryptedValue : undefined;
  const needsApproval = seal?.startsWith(APPROVAL_MARK) ?? false;
  const signature = needsApproval ? seal?.slice(APPROVAL_MARK.length) : seal;
  return { id, turn: { id, name, arguments: args, ...raw }, signature, needsApproval };
}

function argumentsOf(text: string): unknown {
  try {
    return text === "" ? {} : parseExact(text);
  } catch {
    return undefined;
  }
}
