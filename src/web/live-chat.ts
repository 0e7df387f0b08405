/** One chat: its messages, and the run that writes its next one. */

import { SendError } from "../contract/errors.ts";
import type { UserMessage } from "../contract/message.ts";
import type { ChatHistory, StartRequest } from "../dialects/native.ts";
import { systemClock } from "../platform/clock.ts";
import { answered, fieldsOf, waits } from "./answers.ts";
import type { Chat, ChatOptions, ChatSnapshot, ChatStatus, ChatsOptions } from "./chat.ts";
import type { ChatMessage, ChatReply } from "./chat-message.ts";
import { afterFrame, perFrame } from "./frame.ts";
import { Link, type LinkEvent } from "./link.ts";
import { randomId } from "./random-id.ts";
import { bodyOf, errorOf, type Requests, refusalOf } from "./requests.ts";
import {
  emptyReply,
  ended,
  idAt,
  isAhead,
  isEmpty,
  joined,
  marked,
  preferred,
  shownHistory,
  shownReply,
  shownUser,
} from "./shown.ts";
import { withChunk } from "./with-chunk.ts";

const RECONNECT_FOR_MS = 300_000;

/** A message that the relay has not taken for so long has failed, in milliseconds. */
const START_FOR_MS = 60_000;

const MAX_REPLY_BYTES = 67_108_864;

/** Of a run that others have started. */
const NO_FIELDS: Partial<StartRequest> = {};

/** A turn that is asked for. */
interface Turn {
  /** The fields of the request. A function asks the server for some of them. */
  readonly fields: Partial<StartRequest> | (() => Promise<Partial<StartRequest>>);
  /** The messages before the reply. */
  readonly settled: readonly ChatMessage[];
  /** The reply that goes on. */
  readonly base?: ChatReply | undefined;
  /** The messages when nothing comes of it; absent where the user's message stays as failed. */
  readonly undo?: readonly ChatMessage[] | undefined;
  readonly options?: ChatOptions | undefined;
  /** The run, for a turn that may have begun already. */
  readonly run?: string | undefined;
}

/** A run that is watched, or is about to be. */
interface Watch {
  readonly turn: Turn;
  readonly abort: AbortController;
  run: string | undefined;
  /** The reply as the relay says it. */
  reply: ChatReply;
  /** The reply as it was, shown while the relay says it again. */
  shown: ChatReply | undefined;
  /** The relay has taken the run. */
  isOpened: boolean;
  /** Its reply is settled here; only its end is read. */
  isStopped: boolean;
  /** Resolves when it is read no more. */
  over: Promise<void>;
}

/** The end of a stopped reply is waited for, for its usage, in milliseconds. */
const STOPPED_MS = 500;

export class LiveChat implements Chat {
  readonly id: string;
  readonly initial: ChatSnapshot;
  snapshot: ChatSnapshot;
  readonly #requests: Requests;
  readonly #options: ChatsOptions;
  readonly #listeners = new Set<() => void>();
  readonly #changed = perFrame(() => this.#publish());
  #messages: readonly ChatMessage[] = [];
  #status: ChatStatus = "idle";
  #error: SendError | undefined;
  #isLoaded = false;
  #loading: Promise<void> | undefined;
  /** The run that a history named, which is not watched yet. A server that renders a page watches none. */
  #left: Turn | undefined;
  /** The run that is shown as it is written. */
  #watch: Watch | undefined;
  /** The run before it, or itself. A new one begins when it is over. */
  #last: Watch | undefined;
  /** The turn that has failed. */
  #failed: Turn | undefined;
  /** Answers to calls of the last reply. */
  #answers: ReadonlyMap<string, unknown> = new Map();

  constructor(id: string, requests: Requests, options: ChatsOptions, history?: ChatHistory) {
    this.id = id;
    this.#requests = requests;
    this.#options = options;
    if (history) this.#take(history);
    this.initial = this.#seen();
    this.snapshot = this.initial;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (!this.#isLoaded) void this.load();
    else if (this.#left) this.#attach(this.#left);
    return () => this.#listeners.delete(listener);
  };

  load = (): Promise<void> => {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  };

  send = async (content: UserMessage["content"], options?: ChatOptions): Promise<ChatReply | undefined> => {
    if (this.#isBusy) throw new SendError("busy", "A reply is being written. Stop it, or wait for its end.");
    const settled = [...this.#messages, shownUser(this.#messages.length, content, "sending")];
    return this.#start({ fields: { message: content }, settled, options });
  };

  stop = async (): Promise<ChatReply | undefined> => {
    const watch = this.#watch;
    if (watch) {
      watch.isStopped = true;
      this.#settle(watch, { ...shownOf(watch), state: "interrupted", finishReason: "stopped" });
      if (watch.run !== undefined) {
        await this.#requests.stop(this.id, watch.run);
        await Promise.race([watch.over, new Promise((resolve) => setTimeout(resolve, STOPPED_MS))]);
      }
      watch.abort.abort();
    }
    return this.#published();
  };

  retry = async (): Promise<ChatReply | undefined> => {
    const failed = this.#failed;
    const last = this.#messages.at(-1);
    if (failed) return this.#start(failed);
    if (!this.#isLoaded) await this.load();
    else if (last?.role === "assistant") return this.regenerate();
    else if (last) return this.#start({ fields: { regenerate: true }, settled: this.#messages });
    return undefined;
  };

  edit = async (
    messageId: string,
    content: UserMessage["content"],
    options?: ChatOptions,
  ): Promise<ChatReply | undefined> => {
    void this.stop();
    const place = this.#placeOf(messageId, "user");
    const settled = [...this.#messages.slice(0, place), shownUser(place, content, "sending")];
    const fields = async () => ({ message: content, keep: await this.#keep(place) });
    return this.#start({ fields, settled, options });
  };

  regenerate = async (messageId?: string, options?: ChatOptions): Promise<ChatReply | undefined> => {
    void this.stop();
    const undo = this.#messages;
    const named = messageId === undefined ? undo.length - 1 : this.#placeOf(messageId);
    const place = undo[named]?.role === "user" ? named : named - 1;
    const isLast = place >= undo.length - 2;
    const fields = async () => ({ regenerate: true, ...(!isLast && { keep: await this.#keep(place, 1) }) });
    return this.#start({ fields, settled: undo.slice(0, place + 1), undo, options });
  };

  answer = async (callId: string, answer: unknown): Promise<ChatReply | undefined> => {
    const base = this.#lastReply();
    const call = base?.toolCalls.find(({ id }) => id === callId);
    if (!base || !call || !waits(call)) {
      throw new SendError("invalidRequest", `The call ${callId} does not wait for an answer.`);
    }
    const undo = this.#messages;
    this.#answers = new Map(this.#answers).set(callId, answer);
    const calls = base.toolCalls.filter(waits);
    if (!calls.every(({ id }) => this.#answers.has(id))) return undefined;
    const fields = fieldsOf(calls, this.#answers);
    const toolCalls = base.toolCalls.map((each) => (waits(each) ? answered(each, this.#answers.get(each.id)) : each));
    this.#answers = new Map();
    return this.#start({ fields, settled: undo.slice(0, -1), base: { ...base, toolCalls }, undo });
  };

  /** The chat is deleted. */
  forget(): void {
    this.#watch?.abort.abort();
    this.#watch = undefined;
    this.#failed = undefined;
    this.#messages = [];
    this.#to("idle");
  }

  get #isBusy(): boolean {
    return this.#status !== "idle" && this.#status !== "failed";
  }

  /** Returns the snapshot of this moment. */
  #seen(): ChatSnapshot {
    const watch = this.#watch;
    const base = watch?.turn.base;
    const reply = watch?.isOpened ? shownOf(watch) : undefined;
    const last = reply && base ? joined(base, reply) : (reply ?? base);
    const messages = last ? [...this.#messages, last] : this.#messages;
    return {
      messages,
      status: this.#status,
      error: this.#error,
      usage: this.#lastReply()?.usage,
      isLoaded: this.#isLoaded,
    };
  }

  #publish(): void {
    this.snapshot = this.#seen();
    for (const listener of [...this.#listeners]) listener();
  }

  #to(status: ChatStatus, error?: SendError): void {
    this.#status = status;
    this.#error = error;
    this.#changed();
  }

  #lastReply(): ChatReply | undefined {
    const last = this.#messages.at(-1);
    return last?.role === "assistant" ? last : undefined;
  }

  /** @throws {SendError} kind `invalidRequest` when there is no such message */
  #placeOf(messageId: string, role?: "user"): number {
    const place = this.#messages.findIndex((message) => message.id === messageId);
    if (place >= 0 && (!role || this.#messages[place]?.role === role)) return place;
    throw new SendError("invalidRequest", `There is no message ${messageId} of this kind.`);
  }

  /**
   * Resolves with the number of messages that the server has before the one at a place, and `more`; with `undefined`
   * when the server does not have that one.
   */
  async #keep(place: number, more = 0): Promise<number | undefined> {
    const placed = shownHistory((await this.#history()).messages)[place];
    return placed && placed.before + more;
  }

  /** @throws {SendError} when it cannot be read */
  async #history(): Promise<ChatHistory> {
    try {
      const response = await this.#requests.history(this.id, AbortSignal.timeout(START_FOR_MS));
      if (response.ok) return (await response.json()) as ChatHistory;
      throw (await refusalOf(response)).error;
    } catch (cause) {
      if (cause instanceof SendError) throw cause;
      throw new SendError("network", "The relay cannot be reached.", { cause });
    }
  }

  async #load(): Promise<void> {
    try {
      const history = await this.#history();
      if (this.#watch) return; // a run has begun meanwhile
      this.#take(history);
      if (this.#left) this.#attach(this.#left);
      if (!this.#watch) this.#status = this.#failed ? "failed" : "idle";
      if (!this.#failed) this.#error = undefined;
      this.#changed();
    } catch (error) {
      this.#to("failed", error as SendError);
    }
  }

  /** Takes the server's history. Messages that are the same stay the same objects, and unsent ones stay. */
  #take({ messages, turn = [], run, unanswered }: ChatHistory): void {
    const written = run === undefined ? -1 : turn.findIndex(({ role }) => role === "assistant");
    const told = shownHistory([...messages, ...(written < 0 ? turn : turn.slice(0, written))]).map(
      (placed) => placed.message,
    );
    if (unanswered !== undefined) told.push(shownUser(told.length, unanswered, "failed"));
    const mine = this.#messages;
    const shown = told.map((message, place) => preferred(mine[place], message));
    for (const message of mine) {
      const isUnsent = message.role === "user" && message.state !== "sent";
      if (isUnsent && !shown.some(({ id, content }) => id === message.id && content === message.content)) {
        shown.push({ ...message, id: idAt(shown.length) });
      }
    }
    this.#isLoaded = true;
    this.#messages = shown;
    if (run === undefined || turn.length === 0 || this.#watch) return;
    this.#status = "streaming";
    this.#left = { fields: NO_FIELDS, settled: shown, run };
  }

  /** Watches a run that others have started. */
  #attach(turn: Turn): void {
    const base = this.#lastReply();
    if (base) this.#messages = turn.settled.slice(0, -1);
    this.#begin({ ...turn, base }, async () => undefined);
  }

  async #start(turn: Turn): Promise<ChatReply | undefined> {
    const before = this.#last;
    this.#failed = undefined;
    this.#messages = turn.settled;
    this.#status = "sending";
    this.#error = undefined;
    const watch = this.#begin(turn, async () => {
      await before?.over;
      if (!this.#isLoaded) this.#take(await this.#history());
      const fields = typeof turn.fields === "function" ? await turn.fields() : turn.fields;
      const { model, options } = this.#options;
      const all = { model, ...(typeof options === "function" ? options() : options), ...turn.options };
      watch.run ??= randomId();
      watch.reply = emptyReply(this.#messages.length);
      return bodyOf({ run: watch.run, chat: this.id, ...fields, options: all });
    });
    this.#changed();
    await watch.over;
    return this.#published();
  }

  /** Resolves with the last reply, when the snapshot has it. */
  async #published(): Promise<ChatReply | undefined> {
    await new Promise<void>(afterFrame);
    return this.#lastReply();
  }

  /** Watches a run. @param bodyOf resolves with the body that starts it; `undefined` for a run that is there */
  #begin(turn: Turn, body: () => Promise<string | undefined>): Watch {
    const watch: Watch = {
      turn,
      abort: new AbortController(),
      run: turn.run,
      reply: emptyReply(this.#messages.length),
      shown: undefined,
      isOpened: false,
      isStopped: false,
      over: Promise.resolve(),
    };
    this.#left = undefined;
    this.#watch = watch;
    this.#last = watch;
    watch.over = this.#read(watch, body);
    return watch;
  }

  async #read(watch: Watch, body: () => Promise<string | undefined>): Promise<void> {
    try {
      await undefined; // the caller has the watch first
      const start = await body();
      if (watch.isStopped) return;
      const { reconnectForMs = RECONNECT_FOR_MS } = this.#options;
      const link = new Link({
        requests: this.#requests,
        start,
        chat: this.id,
        run: watch.run,
        signal: watch.abort.signal,
        reconnectForMs,
        startForMs: Math.min(reconnectForMs, START_FOR_MS),
        idleMs: undefined,
        maxReplyBytes: MAX_REPLY_BYTES,
        now: systemClock(),
      });
      for await (const events of link.batches()) {
        for (const event of events) if (this.#follow(watch, event)) return;
        if (watch === this.#watch) this.#changed();
      }
    } catch (thrown) {
      this.#fail(watch, thrown);
    }
  }

  /** Takes what a link reports. Returns whether it was the end. */
  #follow(watch: Watch, event: LinkEvent): boolean {
    const place = this.#messages.length;
    const { reply } = watch;
    switch (event.type) {
      case "complete":
        this.#settle(watch, ended(shownReply(place, event.message), shownOf(watch)));
        return true;
      case "recorded":
        this.#settle(watch, ended(shownReply(place, event.turn), shownOf(watch)));
        return true;
      case "absent":
        this.#settle(watch, reply);
        return true;
      case "failed": {
        const { partial } = event.error;
        const now = shownOf(watch);
        const told = partial && shownReply(place, partial);
        if (told && !isAhead(now, told)) watch.reply = ended(told, now);
        this.#fail(watch, errorOf(event.error));
        return true;
      }
    }
    if (watch.isStopped) return false;
    switch (event.type) {
      case "opened":
        watch.isOpened = true;
        this.#status = "streaming";
        this.#messages = marked(this.#messages, "sent");
        break;
      case "chunks":
        watch.reply = event.chunks.reduce(withChunk, reply);
        break;
      case "restart":
        watch.shown ??= reply;
        watch.reply = emptyReply(place);
        break;
      case "snapshot": {
        const { toolCalls, ...message } = event.message;
        const calls = toolCalls.map(
          (toolCall) => ({ type: "toolCall", content: "", toolCall, isFinal: false }) as const,
        );
        watch.shown ??= reply;
        const start: ChatReply = { ...shownReply(place, message), state: "writing" };
        watch.reply = [...(event.tools ?? []), ...calls].reduce(withChunk, start);
        break;
      }
      case "lost":
        this.#status = "reconnecting";
    }
    if (watch.shown && !isAhead(watch.shown, watch.reply)) watch.shown = undefined;
    return false;
  }

  /** Ends a turn with its reply, which may be empty. One that was stopped before has its last word here. */
  #settle(watch: Watch, reply: ChatReply, error?: SendError): void {
    const { base, undo } = watch.turn;
    const whole = base ? joined(base, reply) : reply;
    const isCurrent = this.#watch === watch;
    const place = this.#messages.length - (this.#messages.at(-1)?.role === "assistant" ? 1 : 0);
    if (isCurrent) {
      this.#watch = undefined;
      this.#messages = isEmpty(reply)
        ? (undo ?? marked(this.#messages, "failed"))
        : [...marked(this.#messages, "sent"), whole];
      this.#to(error ? "failed" : "idle", error);
    } else if (!isEmpty(reply) && !this.#watch && idAt(place) === whole.id) {
      this.#messages = [...marked(this.#messages.slice(0, place), "sent"), whole];
      this.#changed();
    }
  }

  #fail(watch: Watch, thrown: unknown): void {
    if (this.#watch !== watch) return; // it was stopped, or its chat is deleted
    const error =
      thrown instanceof SendError ? thrown : new SendError("protocol", "The reply cannot be read.", { cause: thrown });
    const { turn, isOpened, run } = watch;
    const settled = this.#messages;
    const reply = shownOf(watch);
    const mayHaveBegun = !isOpened && error.status === undefined;
    this.#settle(watch, { ...reply, state: "interrupted" }, error);
    if (!isEmpty(reply)) this.#failed = { fields: { regenerate: true }, settled, undo: this.#messages };
    else if (turn.fields !== NO_FIELDS) {
      this.#failed = { ...turn, settled: marked(settled, "sending"), run: mayHaveBegun ? run : undefined };
    }
  }
}

/** Returns the reply that a page shows. */
function shownOf({ shown, reply }: Watch): ChatReply {
  return shown ?? reply;
}
