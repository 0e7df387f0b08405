/** One chat: its messages, and the run that writes its next one. One state machine: `ChatStatus` lists its states. */

import { SendError } from "../contract/errors.ts";
import type { UserMessage } from "../contract/message.ts";
import type { ChatHistory, StartRequest } from "../dialects/native/wire.ts";
import { answered, fieldsOf, keep, withCalls } from "./answers.ts";
import type { Chat, ChatOptions, ChatSnapshot, ChatStatus, ChatsOptions } from "./chat.ts";
import type { ChatReply, ChatToolCall } from "./chat-message.ts";
import { afterFrame, perFrame } from "./frame.ts";
import { failureFrom, type LinkEvent } from "./link.ts";
import { LiveReply } from "./live-reply.ts";
import { onWake } from "./page.ts";
import { randomId } from "./random-id.ts";
import { bodyOf, errorOf, jsonOf, type Requests, stopRun } from "./requests.ts";
import { emptyReply, marked, mergedHistory, waits, withHead } from "./shown.ts";
import {
  asked,
  continued,
  edited,
  type Failure,
  failureOf,
  type Messages,
  rewritten,
  sentAgain,
  type Turn,
} from "./turn.ts";
import { eventsOfWatch, START_FOR_MS, type Watch, watchOf } from "./watch.ts";
import { callOf } from "./with-chunk.ts";

/** The end of a stopped reply is waited for, for its usage, in milliseconds. */
const STOPPED_MS = 500;

export class LiveChat implements Chat {
  readonly id: string;
  readonly initial: ChatSnapshot;
  snapshot: ChatSnapshot;
  readonly #requests: Requests;
  readonly #options: ChatsOptions;
  readonly #listeners = new Set<() => void>();
  readonly #changed = perFrame(() => {
    this.snapshot = this.#now();
    for (const listener of [...this.#listeners]) listener();
  });
  #messages: Messages = [];
  #status: ChatStatus = "idle";
  #error: SendError | undefined;
  #isLoaded = false;
  #loading: Promise<void> | undefined;
  /** The run that a history named, which is not watched yet: a server that renders a page watches none. */
  #named: Turn | undefined;
  /** The run that is shown as it is written. */
  #watch: Watch | undefined;
  /** Resolves when the last run is read no more. */
  #over: Promise<void> | undefined;
  /** The turn of this page that has failed, for `retry`. A message stays while the run of another page is shown. */
  #failed: Failure | undefined;
  /** Calls of the last reply that are answered here, by id, as they are shown when the reply goes on. */
  #answered = new Map<string, ChatToolCall>();
  #sleep: (() => void) | undefined;

  constructor(id: string, requests: Requests, options: ChatsOptions, history?: ChatHistory) {
    this.id = id;
    this.#requests = requests;
    this.#options = options;
    if (history) this.#take(history);
    this.initial = this.#now();
    this.snapshot = this.initial;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#sleep ??= onWake(() => void this.load());
    if (this.#isLoaded) this.#attach();
    else void this.load();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#sleep?.();
      this.#sleep = undefined;
    };
  };

  readonly load = (): Promise<void> => {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  };

  readonly send = async (content: UserMessage["content"], options?: ChatOptions): Promise<ChatReply | undefined> => {
    this.#mustBeFree();
    return this.#start({ ...asked(this.#messages, content), options });
  };

  readonly stop = async (): Promise<ChatReply | undefined> => {
    const watch = this.#watch;
    if (watch) {
      const { abort, run, over } = watch;
      watch.isStopped = true;
      this.#settle(watch, watch.reply.interrupted("stopped"));
      if (run !== undefined) {
        await stopRun(this.#requests, this.id, run);
        await Promise.race([over, new Promise((resolve) => setTimeout(resolve, STOPPED_MS))]);
      }
      abort.abort();
    }
    return this.#published();
  };

  readonly retry = async (): Promise<ChatReply | undefined> => {
    this.#mustBeFree();
    const messages = this.#messages;
    if (this.#failed) return this.#start(sentAgain(this.#failed.turn, messages));
    if (!this.#isLoaded) await this.load();
    else if (messages.at(-1)?.state === "failed") {
      return this.#start({ fields: { regenerate: true }, messages: marked(messages, "sending") });
    } else if (this.#reply()?.toolCalls.some(waits)) await this.load();
    else if (this.#reply()) return this.regenerate();
    return undefined;
  };

  readonly edit = async (
    messageId: string,
    content: UserMessage["content"],
    options?: ChatOptions,
  ): Promise<ChatReply | undefined> => {
    const turn = edited(this.#messages, messageId, content);
    void this.stop();
    return this.#start({ ...turn, options });
  };

  readonly regenerate = async (messageId?: string, options?: ChatOptions): Promise<ChatReply | undefined> => {
    void this.stop();
    const turn = rewritten(this.#messages, messageId);
    return turn.messages.at(-1)?.state === "failed" ? this.retry() : this.#start({ ...turn, options });
  };

  readonly answer = async (callId: string, answer: unknown): Promise<ChatReply | undefined> => {
    const base = this.#reply();
    const call = base && callOf(base, callId);
    if (!call || !waits(call)) {
      throw new SendError("invalidRequest", `The call ${callId} does not wait for an answer.`);
    }
    this.#answered.set(callId, answered(call, answer));
    if (base.toolCalls.some((each) => waits(each) && each !== call)) {
      this.#show({ ...call, state: "answered" });
      this.#over = this.#keep(fieldsOf(call, answer), call, this.#over);
      await this.#over;
      await this.#published();
      return undefined;
    }
    return this.#start(continued(this.#messages, base, this.#answered, call, answer));
  };

  /** Has the relay keep an answer while other calls of the reply wait. Never rejects. */
  async #keep(fields: Partial<StartRequest>, call: ChatToolCall, before: Promise<void> | undefined): Promise<void> {
    await before;
    try {
      await keep(this.#requests, this.id, fields, AbortSignal.timeout(START_FOR_MS));
      this.#show({ ...call, state: "answered" }); // a history that was read meanwhile did not know
    } catch (thrown) {
      this.#answered.delete(call.id);
      this.#show(call);
      await this.load(); // another device may have answered
      if (this.#reply()) this.#to("failed", failureFrom(thrown));
    }
  }

  /** Shows a call of the last reply in another state. */
  #show(call: ChatToolCall): void {
    const reply = this.#reply();
    if (!reply) return;
    const shown = withCalls(reply, ({ id, at }) => (id === call.id && at === call.at ? call : undefined));
    this.#messages = [...this.#messages.slice(0, -1), shown];
    this.#changed();
  }

  /** The chat is deleted. */
  forget(): void {
    this.#watch?.abort.abort();
    this.#watch = undefined;
    this.#failed = undefined;
    this.#messages = [];
    this.#to("idle");
  }

  /** Returns the snapshot of this moment. */
  #now(): ChatSnapshot {
    const watch = this.#watch;
    const isShown = watch && (watch.isOpened || watch.turn.base);
    return {
      messages: isShown ? [...this.#messages, watch.reply.shown] : this.#messages,
      status: this.#status,
      error: this.#error,
      usage: this.#reply()?.usage,
      isLoaded: this.#isLoaded,
    };
  }

  #to(status: ChatStatus, error?: SendError): void {
    this.#status = status;
    this.#error = error;
    this.#changed();
  }

  /** @throws {SendError} kind `busy` while a reply is being written */
  #mustBeFree(): void {
    if (this.#watch) throw new SendError("busy", "A reply is being written. Stop it, or wait for its end.");
  }

  /** Returns the last message, if it is a reply that is over. */
  #reply(): ChatReply | undefined {
    const last = this.#messages.at(-1);
    return last?.role === "assistant" ? last : undefined;
  }

  /** Resolves with the last reply, when the snapshot has it. */
  async #published(): Promise<ChatReply | undefined> {
    await new Promise<void>(afterFrame);
    return this.#reply();
  }

  /** @throws {SendError} when it cannot be read */
  #history(): Promise<ChatHistory> {
    return jsonOf(this.#requests(`/${this.id}`, { signal: AbortSignal.timeout(START_FOR_MS) }));
  }

  async #load(): Promise<void> {
    if (this.#watch) return;
    try {
      const history = await this.#history();
      if (this.#watch) return; // a run has begun meanwhile
      this.#take(history);
      if (!this.#failed && !this.#named) this.#to("idle");
      this.#attach();
      this.#changed();
    } catch (error) {
      if (!this.#isLoaded) this.#to("failed", error as SendError);
    }
  }

  /** Takes the server's history. Messages that are the same stay the same objects, and unsent ones stay. */
  #take(history: ChatHistory): void {
    const { run, turn = [] } = history;
    const shown = mergedHistory(this.#messages, history);
    this.#isLoaded = true;
    this.#messages = shown;
    if (run !== undefined && turn.length > 0 && !this.#watch) this.#named = { messages: shown, run };
    if (this.#named) {
      this.#status = "streaming";
      this.#error = undefined;
    }
    const isAsked = this.#failed?.turn.fields?.message === undefined || shown.some(({ state }) => state === "failed");
    if (!isAsked) this.#failed = undefined; // the message has arrived
  }

  /** Watches the run that a history has named. */
  #attach(): void {
    const turn = this.#named;
    if (!turn) return;
    const base = this.#reply();
    const undo = base && this.#messages;
    if (base) this.#messages = this.#messages.slice(0, -1);
    this.#begin({ ...turn, base, undo });
  }

  async #start(turn: Turn): Promise<ChatReply | undefined> {
    this.#messages = turn.messages;
    const watch = this.#begin(turn);
    this.#to("sending");
    await watch.over;
    return this.#published();
  }

  #begin(turn: Turn): Watch {
    const watch = watchOf(turn, this.#messages);
    if (turn.fields || this.#failed?.turn.fields?.message === undefined) this.#failed = undefined;
    this.#named = undefined;
    this.#answered = new Map();
    this.#watch = watch;
    watch.over = this.#read(watch, this.#over);
    this.#over = watch.over;
    return watch;
  }

  async #read(watch: Watch, before: Promise<void> | undefined): Promise<void> {
    try {
      await before;
      const start = watch.turn.fields && (await this.#body(watch, watch.turn.fields));
      if (watch.isStopped) return;
      const parts = { requests: this.#requests, chat: this.id, ...this.#options };
      for await (const events of eventsOfWatch(watch, start, parts)) {
        for (const event of events) if (this.#follow(watch, event)) return;
        if (watch === this.#watch) this.#changed();
      }
    } catch (error) {
      this.#fail(watch, error);
    }
  }

  /** Resolves with the body of a start. The chat is loaded before: a message has its place behind the others. */
  async #body(watch: Watch, fields: Partial<StartRequest>): Promise<string> {
    if (!this.#isLoaded) {
      this.#take(await this.#history());
      watch.reply = new LiveReply(emptyReply(this.#messages));
    }
    const { model, options } = this.#options;
    const all = { model, ...(typeof options === "function" ? options() : options), ...watch.turn.options };
    watch.run ??= randomId();
    return bodyOf({ run: watch.run, chat: this.id, ...fields, options: all });
  }

  /** Takes an event of a link. Returns whether it was the end. */
  #follow(watch: Watch, event: LinkEvent): boolean {
    const { reply } = watch;
    switch (event.type) {
      case "complete": {
        const { content, toolCalls = [] } = event.message;
        // Another device, or an answer that was lost, has left calls open: the history shows which.
        const isAsked = content === "" && toolCalls.length > 0 && toolCalls.every(({ id }) => callOf(reply.base, id));
        this.#settle(watch, isAsked ? reply.base : reply.complete(event.message));
        if (isAsked) void this.load();
        return true;
      }
      case "absent":
        this.#settle(watch, reply.base);
        return true;
      case "failed": {
        const { partial } = event.error;
        if (partial) reply.partial(partial);
        this.#fail(watch, errorOf(event.error));
        return true;
      }
    }
    if (watch.isStopped) return false;
    if (event.type === "opened") {
      watch.isOpened = true;
      this.#status = "streaming";
      this.#messages = marked(this.#messages, "sent");
    }
    if (event.type === "lost") this.#status = "reconnecting";
    reply.add(event);
    return false;
  }

  /**
   * Ends a turn with its reply, of which nothing may have come. A turn that was stopped has its last word here, and the
   * user may have said more meanwhile.
   */
  #settle(watch: Watch, reply: ChatReply, error?: SendError): void {
    const { undo } = watch.turn;
    const isEmpty = watch.reply.isEmpty(reply);
    if (watch === this.#watch) {
      const before = this.#messages;
      const after = isEmpty ? (undo ?? marked(before, "failed")) : [...marked(before, "sent"), reply];
      this.#watch = undefined;
      this.#messages = after;
      watch.left = { before, after };
      const reason = error ?? this.#failed?.error;
      this.#to(reason ? "failed" : "idle", reason);
    } else if (!isEmpty && watch.left) {
      const { before, after } = watch.left;
      this.#messages = withHead(this.#messages, after, [...marked(before, "sent"), reply]);
      const next = this.#watch;
      if (next && !next.isOpened && !next.turn.base) next.reply = new LiveReply(emptyReply(this.#messages));
      this.#changed();
    }
  }

  #fail(watch: Watch, thrown: unknown): void {
    if (this.#watch !== watch) return; // it was stopped, or its chat is deleted
    const error = failureFrom(thrown);
    const before = this.#messages;
    this.#settle(watch, watch.reply.interrupted(), error);
    this.#failed = failureOf(watch, error, before, this.#messages) ?? this.#failed;
    // Calls may have run, and the reply of another page may be the reason.
    if (watch.turn.base || error.kind === "busy") void Promise.resolve(this.#loading).then(this.load);
  }
}
