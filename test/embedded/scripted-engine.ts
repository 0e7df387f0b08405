/** An engine that plays scripts, so that the client around it can be held against the contract. */

import { SendError } from "cloudllm";
import type { ReplyScript } from "cloudllm/testing";
import type { TokenUsage } from "../../src/contract/usage.ts";
import type { Engine, Step, Writer } from "../../src/embedded/writer.ts";
import { errorOf } from "../../src/protocols/common/error-kinds.ts";
import { passed, realSleep } from "../../src/testing/pause.ts";
import { type EndingEvent, eventsOf, type ScriptEvent } from "../../src/testing/script-events.ts";

export interface ScriptedEngine extends Engine {
  /** How many replies were opened. */
  readonly opened: number;
  /** Resolves when the reply (counted from 0) is over. */
  closed(call: number): Promise<void>;
  /** How many pieces of the reply were written. */
  written(call: number): number;
}

export function scriptedEngine(scripts: readonly ReplyScript[]): ScriptedEngine {
  const calls: { readonly signal: AbortSignal; written: number }[] = [];
  return {
    get opened() {
      return calls.length;
    },
    written: (call) => calls[call]?.written ?? 0,
    closed: (call) =>
      new Promise((resolve) => {
        const signal = calls[call]?.signal;
        if (signal?.aborted) resolve();
        else signal?.addEventListener("abort", () => resolve());
      }),
    async open(_messages, _options, signal) {
      const script = scripts[calls.length];
      if (!script || "refusal" in script) throw new Error("there is no script for this call");
      const call = { signal, written: 0 };
      calls.push(call);
      await passed(script.opensAfter, signal, realSleep);
      return new ScriptedWriter(eventsOf(script), signal, () => {
        call.written += 1;
      });
    },
  };
}

class ScriptedWriter implements Writer {
  usage: TokenUsage | undefined;
  readonly #events: Iterator<ScriptEvent, void>;
  readonly #signal: AbortSignal;
  readonly #onText: () => void;

  constructor(events: Iterator<ScriptEvent, void>, signal: AbortSignal, onText: () => void) {
    this.#events = events;
    this.#signal = signal;
    this.#onText = onText;
  }

  async write(): Promise<Step> {
    const { value: event } = this.#events.next();
    switch (event?.type) {
      case "text":
        this.#onText();
        return { text: event.text };
      case "pause":
        await passed(event.pause, this.#signal, realSleep);
        return { text: "" };
      case "finish":
      case "error":
      case "cut":
      case "reset":
      case "hang":
        return this.#end(event);
      default:
        throw new TypeError(`an engine cannot play ${event?.type}`);
    }
  }

  #end(ending: EndingEvent): Step | Promise<Step> {
    switch (ending.type) {
      case "finish": {
        const { usage } = ending;
        if (usage) this.usage = { ...usage, totalTokens: usage.totalTokens ?? usage.inputTokens + usage.outputTokens };
        return { text: "", finishReason: ending.finishReason };
      }
      case "hang":
        return new Promise(() => undefined);
      case "cut":
        throw new SendError("truncated", "The script cuts the reply here.");
      case "reset":
        throw new SendError("network", "The script breaks the connection here.");
      case "error": {
        const { message = "The script says so.", code = "server_error" } = ending;
        throw errorOf("embedded", 0, { error: { message, code } });
      }
    }
  }
}
