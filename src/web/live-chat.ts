/** One chat: its messages, and the run that writes its next one. */

import { SendError } from "../contract/errors.ts";
import type { UserMessage } from "../contract/message.ts";
import type { ChatHistory, StartRequest } from "../dialects/native.ts";
import { systemClock } from "../platform/clock.ts";
import { type Answers, answered, fieldsOf } from "./answers.ts";
import type { Chat, ChatOptions, ChatSnapshot, ChatStatus, ChatsOptions } from "./chat.ts";
import type { ChatMessage, ChatReply } from "./chat-message.ts";
import { afterFrame, perFrame } from "./frame.ts";
import { Link, type LinkEvent } from "./link.ts";
import { onWake } from "./page.ts";
import { randomId } from "./random-id.ts";
import { bodyOf, errorOf, jsonOf, type Requests } from "./requests.ts";
import {
  emptyReply,
  ended,
  idAfter,
  isAhead,
  joined,
  marked,
  preferred,
  questionsIn,
  shownHistory,
  sizeOf,
  waits,
  withUser,
} from "./shown.ts";
import { callOf, withChunk } from "./with-chunk.ts";

const RECONNECT_FOR_MS = 300_000;

/** A message that the relay has not taken for so long has failed, in milliseconds. */
const START_FOR_MS = 60_000;

/** The end of a stopped reply is waited for, for its usage, in milliseconds. */
const STOPPED_MS = 500;

const MAX_REPLY_BYTES = 67_108_864;

type Messages = readonly ChatMessage[];

/** A turn that is asked for, or that others have asked for. */
interface Turn {
  /** The fields of its request; absent for a run that others have started. */
  readonly fields?: Partial<StartRequest>;
  readonly options?: ChatOptions | undefined;
  /** The messages before the reply. */
  readonly messages: Messages;
  /** The reply that goes on. */
  readonly base?: ChatReply | undefined;
  /** The messages if nothing comes of it; absent where the message of the user stays, as failed. */
  readonly undo?: Messages | undefined;
  /** The run, if it has begun, or may have. */
  readonly run?: string | undefined;
}

/** A run that is watched, or is about to be. */
interface Watch {
  readonly turn: Turn;
  readonly abort: AbortController;
  run: string | undefined;
  /** The reply before the run. */
  base: ChatReply;
  /** The reply as the relay says it. */
  reply: ChatReply;
  /** The reply as it was, shown while the relay says it again. */
  shown: ChatReply | undefined;
  /** The relay has taken the run. */
  isOpened: boolean;
  /** Its reply is settled here; only its end is read. */
  isStopped: boolean;
  /** The messages that it left when it was stopped, and those with another last word. */
  left?: { readonly messages: Messages; readonly all: (last: ChatReply) => Messages };
  /** Resolves when it is read no more. */
  over: Promise<void>;
}

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
  #failed: Turn | undefined;
  /** Answers to calls of the last reply, until it has all. */
  #answers: Answers = new Map();
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
    if (this.#watch) throw new SendError("busy", "A reply is being written. Stop it, or wait for its end.");
    return this.#start({
      fields: { message: content },
      messages: withUser(this.#messages, content, "sending"),
      options,
    });
  };

  readonly stop = async (): Promise<ChatReply | undefined> => {
    const watch = this.#watch;
    if (watch) {
      const { abort, run, over } = watch;
      watch.isStopped = true;
      this.#settle(watch, interrupted(watch, "stopped"));
      if (run !== undefined) {
        await this.#requests.stop(this.id, run);
        await Promise.race([over, new Promise((resolve) => setTimeout(resolve, STOPPED_MS))]);
      }
      abort.abort();
    }
    return this.#published();
  };

  readonly retry = async (): Promise<ChatReply | undefined> => {
    const messages = this.#messages;
    if (this.#failed) return this.#start(this.#failed);
    if (!this.#isLoaded) await this.load();
    else if (messages.at(-1)?.state === "failed") {
      return this.#start({ fields: { regenerate: true }, messages: marked(messages, "sending") });
    } else if (this.#reply()) return this.regenerate();
    return undefined;
  };

  readonly edit = async (
    messageId: string,
    content: UserMessage["content"],
    options?: ChatOptions,
  ): Promise<ChatReply | undefined> => {
    const before = this.#before(messageId);
    void this.stop();
    const fields = { message: content, keep: { turns: questionsIn(before) } };
    return this.#start({ fields, messages: withUser(before, content, "sending"), options });
  };

  readonly regenerate = async (messageId?: string, options?: ChatOptions): Promise<ChatReply | undefined> => {
    void this.stop();
    const undo = this.#messages;
    const last = messageId ?? undo.at(-1)?.id;
    const at = undo.findIndex(({ id }) => id === last);
    if (at < 0) throw new SendError("invalidRequest", "There is no such reply to write again.");
    if (undo[at]?.state === "failed") return this.retry();
    const messages = undo.slice(0, undo[at]?.role === "user" ? at + 1 : at);
    return this.#start({
      fields: { regenerate: true, keep: { turns: questionsIn(messages) } },
      messages,
      undo,
      options,
    });
  };

  readonly answer = async (callId: string, answer: unknown): Promise<ChatReply | undefined> => {
    const base = this.#reply();
    const call = base && callOf(base, callId);
    if (!call || !waits(call)) {
      throw new SendError("invalidRequest", `The call ${callId} does not wait for an answer.`);
    }
    const answers = new Map(this.#answers).set(callId, answer);
    const isComplete = base.toolCalls.every((each) => !waits(each) || answers.has(each.id));
    this.#answers = answers;
    if (!isComplete) return undefined;
    const undo = this.#messages;
    return this.#start({
      fields: fieldsOf(base, answers),
      messages: undo.slice(0, -1),
      base: answered(base, answers),
      undo,
    });
  };

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
      messages: isShown ? [...this.#messages, shownOf(watch)] : this.#messages,
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

  /**
   * Returns the messages before one of the user.
   * @throws {SendError} kind `invalidRequest` when there is none
   */
  #before(messageId: string): Messages {
    const at = this.#messages.findIndex(({ id, role }) => id === messageId && role === "user");
    if (at >= 0) return this.#messages.slice(0, at);
    throw new SendError("invalidRequest", `The user has no message ${messageId}.`);
  }

  /** @throws {SendError} when it cannot be read */
  #history(): Promise<ChatHistory> {
    return jsonOf(() => this.#requests.history(this.id, AbortSignal.timeout(START_FOR_MS)));
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
  #take({ messages, turn = [], run, unanswered }: ChatHistory): void {
    // The replies of a turn under way come with its run.
    const written = run === undefined ? -1 : turn.findIndex(({ role }) => role === "assistant");
    let told = shownHistory([...messages, ...(written < 0 ? turn : turn.slice(0, written))]);
    if (unanswered !== undefined) told = withUser(told, unanswered, "failed");
    const shown = told.map((message, place) => preferred(this.#messages[place], message));
    for (const [place, message] of this.#messages.entries()) {
      if (message.state === "sending") shown.push({ ...message, id: idAfter(shown) });
      if (message.state === "failed" && shown[place]?.content !== message.content) shown.splice(place, 0, message);
    }
    this.#isLoaded = true;
    this.#messages = shown;
    if (run !== undefined && turn.length > 0 && !this.#watch) this.#named = { messages: shown, run };
    if (this.#named) this.#status = "streaming";
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
    const base = turn.base ?? emptyReply(this.#messages);
    const watch: Watch = {
      turn,
      abort: new AbortController(),
      run: turn.run,
      base,
      reply: base,
      shown: undefined,
      isOpened: false,
      isStopped: false,
      over: Promise.resolve(),
    };
    this.#failed = undefined;
    this.#named = undefined;
    this.#answers = new Map();
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
    } catch (error) {
      this.#fail(watch, error);
    }
  }

  /** Resolves with the body of a start. The chat is loaded before: a message has its place behind the others. */
  async #body(watch: Watch, fields: Partial<StartRequest>): Promise<string> {
    if (!this.#isLoaded) {
      this.#take(await this.#history());
      watch.base = emptyReply(this.#messages);
      watch.reply = watch.base;
    }
    const { model, options } = this.#options;
    const all = { model, ...(typeof options === "function" ? options() : options), ...watch.turn.options };
    watch.run ??= randomId();
    return bodyOf({ run: watch.run, chat: this.id, ...fields, options: all });
  }

  /** Takes an event of a link. Returns whether it was the end. */
  #follow(watch: Watch, event: LinkEvent): boolean {
    const { base, reply } = watch;
    const add: (reply: ChatReply, chunk: Parameters<typeof withChunk>[1]) => ChatReply = (all, chunk) =>
      withChunk(all, chunk, base.content.length);
    switch (event.type) {
      case "complete":
        this.#settle(watch, ended(joined(base, event.message), shownOf(watch)));
        return true;
      case "recorded":
        this.#settle(watch, ended(joined(base, event.turn), shownOf(watch)));
        return true;
      case "absent":
        this.#settle(watch, base);
        return true;
      case "failed": {
        const { partial } = event.error;
        const told = partial && ended(joined(base, partial), shownOf(watch));
        if (told && !isAhead(shownOf(watch), told)) watch.shown = told;
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
        watch.reply = event.chunks.reduce(add, reply);
        break;
      case "restart":
        watch.shown ??= reply;
        watch.reply = base;
        break;
      case "snapshot": {
        const { toolCalls, ...message } = event.message;
        const calls = toolCalls.map(
          (toolCall) => ({ type: "toolCall", content: "", toolCall, isFinal: false }) as const,
        );
        watch.shown ??= reply;
        watch.reply = [...(event.tools ?? []), ...calls].reduce(add, { ...joined(base, message), state: "writing" });
        break;
      }
      case "lost":
        this.#status = "reconnecting";
    }
    if (watch.shown && !isAhead(watch.shown, watch.reply)) watch.shown = undefined;
    return false;
  }

  /** Ends a turn with its reply, of which nothing may have come. A turn that was stopped has its last word here. */
  #settle(watch: Watch, reply: ChatReply, error?: SendError): void {
    const { undo } = watch.turn;
    const isEmpty = sizeOf(reply) <= sizeOf(watch.base);
    if (watch === this.#watch) {
      const messages = this.#messages;
      const all = (last: ChatReply): Messages => [...marked(messages, "sent"), last];
      this.#watch = undefined;
      this.#messages = isEmpty ? (undo ?? marked(messages, "failed")) : all(reply);
      watch.left = { messages: this.#messages, all };
      this.#to(error ? "failed" : "idle", error);
    } else if (!isEmpty && this.#messages === watch.left?.messages) {
      this.#messages = watch.left.all(reply);
      this.#changed();
    }
  }

  #fail(watch: Watch, thrown: unknown): void {
    if (this.#watch !== watch) return; // it was stopped, or its chat is deleted
    const error =
      thrown instanceof SendError ? thrown : new SendError("protocol", "The reply cannot be read.", { cause: thrown });
    const { turn, base, isOpened, run } = watch;
    const messages = this.#messages;
    const reply = interrupted(watch);
    this.#settle(watch, reply, error);
    if (sizeOf(reply) > sizeOf(base)) {
      this.#failed = { fields: { regenerate: true }, messages, undo: this.#messages, options: turn.options };
    } else if (turn.fields) {
      const mayHaveBegun = !isOpened && error.status === undefined;
      this.#failed = { ...turn, messages: marked(messages, "sending"), run: mayHaveBegun ? run : undefined };
    }
    if (turn.base) void this.load(); // calls may have run
  }
}

/** Returns the reply as far as it has come, whose tools run no more. */
function interrupted(watch: Watch, finishReason?: "stopped"): ChatReply {
  const reply = shownOf(watch);
  return ended({ ...reply, state: "interrupted", finishReason }, reply);
}

/** Returns the reply that a page shows. */
function shownOf({ shown, reply }: Watch): ChatReply {
  return shown ?? reply;
}
