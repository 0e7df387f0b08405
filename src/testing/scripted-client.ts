/** A client that plays scripts instead of calling a provider, for tests without a network. */

import type { ClientWrapper } from "../contract/client.ts";
import { withFacts } from "../contract/error-copies.ts";
import { SendError } from "../contract/errors.ts";
import type { Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { limitsOf } from "../contract/timeouts.ts";
import { allNames, checkNames } from "../contract/unknown-option.ts";
import { checkCall } from "../contract/validate.ts";
import type { Clock } from "../platform/clock.ts";
import { lacksSchemaEngine, schemaEngine } from "../schema/load-engine.ts";
import { lacksValidation, validatingSource, validation } from "../stream/load-validation.ts";
import { clientOf, openStream } from "../stream/open-stream.ts";
import { estimateInputTokens } from "../tokens/estimate.ts";
import { checkScript, checkScripts } from "./check-script.ts";
import { realSleep, type Sleep } from "./pause.ts";
import type { ReplyScript } from "./script.ts";
import { ScriptedSource } from "./scripted-source.ts";

/** The fields of which a script has one. */
const SCRIPT_WORDS = ["text", "steps", "refusal"];

/** One call that a scripted client received. */
export interface ScriptedCall {
  readonly method: "sendMessage" | "sendMessageStream";
  /** The messages at the time of the call. */
  readonly messages: readonly Message[];
  readonly options: SendOptions;
  /** The number of chunks that were requested and delivered so far, without the final one. */
  readonly chunks: number;
  /** Resolves when the reply is over, however it ended. A provider client releases its connection at this point. */
  readonly closed: Promise<void>;
}

/** The options of `scriptedClient`. */
export interface ScriptedClientOptions {
  /**
   * The provider's name.
   * @default "scripted"
   */
  readonly provider?: string;
  /**
   * The model's name.
   * @default "script"
   */
  readonly model?: string;
  /**
   * Waits for pauses in milliseconds.
   * @default `setTimeout`, so that fake timers advance pauses
   */
  readonly sleep?: Sleep;
  /**
   * The clock of the metrics and timeouts, in milliseconds.
   * @default `performance.now`
   */
  readonly now?: Clock;
}

/** A `ClientWrapper` that records its calls. */
export interface ScriptedClient extends ClientWrapper {
  /** Every call so far, except those that were refused as malformed or aborted before they began. */
  readonly calls: readonly ScriptedCall[];
}

/**
 * Returns a client that plays one script for each call: the scripts of an array in order, or the one that a function
 * returns. It keeps every law of `ClientWrapper` and `timeouts`, and validates calls and `output` against their
 * schemas. It never retries. A call without a script fails with kind `unsupported`.
 * @throws {TypeError} when a script has no `text`, `steps` or `refusal`
 *
 * @example
 * ```ts
 * import { scriptedClient } from "cloudllm/testing";
 *
 * const client = scriptedClient([{ text: ["Hel", "lo"] }, { refusal: { status: 429 } }, { text: "Half a", ending: "cut" }]);
 * const reply = await client.sendMessage([{ role: "user", content: "Hi" }]);
 * console.log(reply.content, client.calls[0]?.messages);
 *
 * const echo = scriptedClient(({ messages }) => ({ text: `You said: ${messages.at(-1)?.content}` }));
 * ```
 */
export function scriptedClient(
  scripts: readonly ReplyScript[] | ((call: ScriptedCall) => ReplyScript),
  options: ScriptedClientOptions = {},
): ScriptedClient {
  checkNames(options, allNames<ScriptedClientOptions>({ provider: true, model: true, sleep: true, now: true }));
  const { provider = "scripted", model = "script", sleep = realSleep, now = () => performance.now() } = options;
  const calls: ScriptedCall[] = [];
  checkScripts(scripts, SCRIPT_WORDS);

  function scriptFor(call: ScriptedCall): ReplyScript {
    const script = typeof scripts === "function" ? scripts(call) : scripts[calls.length - 1];
    if (script !== undefined) {
      checkScript(script, SCRIPT_WORDS, "A script");
      return script;
    }
    const message = `Call ${calls.length} has no script: the scripted client was given ${scripts.length}.`;
    throw new SendError("unsupported", message, { provider, model });
  }

  function checkScriptedCall(messages: readonly Message[], options: SendOptions): void {
    try {
      checkCall(messages, options);
    } catch (error) {
      throw error instanceof SendError ? withFacts(error, { provider, model }) : error;
    }
  }

  async function open<Output>(messages: readonly Message[], options: SendOptions<Output>, streamed: boolean) {
    const startedAt = now();
    checkScriptedCall(messages, options);
    if (lacksSchemaEngine(options) || lacksValidation(options))
      await Promise.all([schemaEngine.load(), validation.load()]);
    if (options.signal?.aborted) {
      const cause: unknown = options.signal.reason;
      throw new SendError("aborted", "The caller's signal ended the call.", { provider, model, cause });
    }
    const call = new RecordedCall(streamed ? "sendMessageStream" : "sendMessage", [...messages], options);
    const id = `scripted-${calls.push(call)}`;
    try {
      const script = scriptFor(call);
      const { signal, timeouts } = options;
      const limits = limitsOf(streamed ? "streamed" : "nonStreamed", timeouts);
      const estimateInput = () => estimateInputTokens(messages);
      const context = { provider, model, id, limits, signal, sleep, now, startedAt, estimateInput };
      const source = new ScriptedSource({ ...context, script, onChunk: call.count, onClose: call.close });
      return await openStream<Output>(validatingSource(source, options), { now, startedAt });
    } catch (error) {
      call.close(); // there may have been no script
      throw error;
    }
  }

  return { ...clientOf({ provider, model, open }), calls };
}

/** A `ScriptedCall` as the client writes it; others only read it. */
class RecordedCall implements ScriptedCall {
  readonly method: ScriptedCall["method"];
  readonly messages: readonly Message[];
  readonly options: SendOptions;
  readonly closed: Promise<void>;
  chunks = 0;
  close: () => void = () => undefined;

  constructor(method: ScriptedCall["method"], messages: readonly Message[], options: SendOptions) {
    this.method = method;
    this.messages = messages;
    this.options = options;
    this.closed = new Promise((resolve) => {
      this.close = resolve;
    });
  }

  readonly count = (): void => {
    this.chunks += 1;
  };
}
