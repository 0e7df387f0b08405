/** The source behind a scripted client's stream: plays one script, a step for each pull. */

import { Deadlines } from "../call/deadlines.ts";
import { retryAfterMs } from "../call/retry-after.ts";
import type { MessageChunk } from "../contract/chunk.ts";
import { withFacts } from "../contract/error-copies.ts";
import { SendError } from "../contract/errors.ts";
import type { Attempt } from "../contract/metrics.ts";
import { type CallLimits, timeoutText } from "../contract/timeouts.ts";
import type { TokenUsage } from "../contract/usage.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import type { Clock } from "../platform/clock.ts";
import { errorOf } from "../protocols/common/error-kinds.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import { type ChunkSink, type ChunkSource, NO_SINK, Opening } from "../stream/source.ts";
import { passed, type Sleep } from "./pause.ts";
import type { ReplyScript, ScriptedRefusal, ScriptedUsage } from "./script.ts";
import { eventsOf, type FinishEvent, type ScriptEvent } from "./script-events.ts";
import { chunkOf } from "./server/scripted-media.ts";

/** The values that a scripted reply needs from its client. */
export interface ScriptedReply {
  readonly script: ReplyScript;
  readonly provider: string;
  readonly model: string;
  readonly id: string;
  readonly limits: CallLimits;
  readonly signal: AbortSignal | undefined;
  readonly sleep: Sleep;
  readonly now: Clock;
  readonly startedAt: number;
  readonly estimateInput: () => number;
  /** Called for each chunk that was requested and delivered. */
  readonly onChunk: () => void;
  /** Called when the reply is over, on any ending. A provider client closes its connection at this point. */
  readonly onClose: () => void;
}

/** Plays a script. */
export class ScriptedSource implements ChunkSource {
  readonly facts: ReplyFacts;
  readonly #reply: ScriptedReply;
  readonly #opening = new Opening();
  #sink: ChunkSink = NO_SINK;
  readonly #events: Iterator<ScriptEvent, void>;
  readonly #deadlines: Deadlines;
  readonly #closing = new AbortController();
  readonly #onAbort = (): void =>
    this.#fail("aborted", "The caller's signal ended the call.", this.#reply.signal?.reason);
  readonly #unfinishedCalls = new Set<number>();
  #asked = false;

  constructor(reply: ScriptedReply) {
    const { script, provider, model, id, limits, now, estimateInput } = reply;
    this.#reply = reply;
    this.facts = { provider, model, id, attempts: [], estimateInput };
    this.#events = "refusal" in script ? [][Symbol.iterator]() : eventsOf(script);
    this.#deadlines = new Deadlines(limits, now, (phase, waitedMs) => {
      const message = timeoutText("The script", phase, waitedMs);
      this.#end(new SendError("timeout", message, { phase, waitedMs }));
    });
  }

  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
    this.#open();
    onAbort(this.#reply.signal, this.#onAbort);
  }

  pull(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#deadlines.waiting();
    this.#play();
  }

  close(): void {
    if (!this.#closing.signal.aborted) this.#over("stopped", 200);
  }

  #open(): void {
    const { script, provider } = this.#reply;
    this.#deadlines.sent();
    this.#after(script.opensAfter, () => {
      this.#deadlines.answered();
      if ("refusal" in script) return this.#end(scriptedRefusal(provider, script.refusal));
      this.#deadlines.holding();
      this.#opening.accept();
    });
  }

  #play(): void {
    const next = this.#events.next();
    if (next.done) return;
    const event = next.value;
    switch (event.type) {
      case "text":
        return this.#give({ type: "text", content: event.text, isFinal: false });
      case "reasoning":
        return this.#give({ type: "reasoning", content: "", reasoning: event.text, isFinal: false });
      case "toolCallDelta": {
        const { index, id, name, argumentsDelta } = event;
        this.#unfinishedCalls.add(index);
        return this.#give({ type: "toolCallDelta", content: "", index, id, name, argumentsDelta, isFinal: false });
      }
      case "toolCallEnd": {
        const { index, id, name, argumentsText } = event;
        this.#unfinishedCalls.delete(index);
        const toolCall = { id, name, arguments: argumentsText === "" ? {} : JSON.parse(argumentsText) };
        return this.#give({ type: "toolCall", content: "", toolCall, isFinal: false });
      }
      case "citation":
        return this.#give({ type: "citation", content: "", ...event.citation, isFinal: false });
      case "media": {
        const { transcript, partial } = event.medium;
        if (transcript && !partial) this.#sink.chunks.push({ type: "text", content: transcript, isFinal: false });
        return this.#give(chunkOf(event));
      }
      case "pause":
        return this.#after(event.pause, () => this.#play());
      case "finish":
        return this.#finish(event);
      case "error": {
        const { message = "The script says so.", code = "server_error" } = event;
        return this.#end(errorOf(this.facts.provider, 0, { error: { message, code } }));
      }
      case "cut":
        return this.#fail("truncated", "The script cuts the reply here.");
      case "reset":
        return this.#fail("network", "The script breaks the connection here.");
      case "hang":
        return;
    }
  }

  #after(pause: ReplyScript["opensAfter"], then: () => void): void {
    passed(pause, this.#closing.signal, this.#reply.sleep).then(
      () => this.#closing.signal.aborted || then(),
      (error: unknown) => this.#fail("protocol", "A pause in the script was rejected.", error),
    );
  }

  #give(chunk: MessageChunk): void {
    this.#asked = false;
    this.#reply.onChunk();
    this.#deadlines.bytes();
    this.#deadlines.chunks();
    this.#deadlines.holding();
    this.#sink.chunks.push(chunk);
    this.#sink.flush();
  }

  #finish({ finishReason, rawFinishReason, usage }: FinishEvent): void {
    if (this.#unfinishedCalls.size > 0) return this.#fail("truncated", "The script ends inside a tool call.");
    this.facts.finishReason = finishReason;
    if (rawFinishReason !== undefined) this.facts.rawFinishReason = rawFinishReason;
    if (usage) this.facts.usage = usageOf(usage);
    this.#over("answered", 200);
    this.#sink.end();
  }

  #fail(kind: "aborted" | "truncated" | "network" | "protocol", message: string, cause?: unknown): void {
    this.#end(new SendError(kind, message, { cause }));
  }

  #end(error: SendError): void {
    if (this.#closing.signal.aborted) return;
    this.#over(error.kind, this.#opening.isOpen ? 200 : error.status);
    const { provider, model } = this.#reply;
    const failure = withFacts(error, { provider, model, attempts: [...this.facts.attempts] });
    this.#opening.fail(this.#sink, failure);
  }

  #over(outcome: Attempt["outcome"], status: number | undefined): void {
    const { provider, model, now, startedAt, signal, onClose } = this.#reply;
    const durationMs = now() - startedAt;
    this.facts.attempts.push({ provider, model, durationMs, outcome, ...(status !== undefined && { status }) });
    this.#closing.abort();
    this.#deadlines.clear();
    offAbort(signal, this.#onAbort);
    onClose();
  }
}

function scriptedRefusal(provider: string, refusal: ScriptedRefusal): SendError {
  const { status, message, code, headers = {} } = refusal;
  const named = new Headers(headers);
  const head = { status, header: (name: string) => named.get(name) ?? undefined };
  const error = errorOf(provider, status, { error: { message: message ?? "The script refuses.", code } });
  return withFacts(error, { status, retryAfterMs: retryAfterMs(head, Date.now()) });
}

function usageOf(usage: ScriptedUsage): TokenUsage {
  return { ...usage, totalTokens: usage.totalTokens ?? usage.inputTokens + usage.outputTokens };
}
