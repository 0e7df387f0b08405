/** One chat: its messages, and the run that writes its next one. One state machine: `ChatStatus` lists its states. */

import { SendError } from "../contract/errors.ts";
import type { ChatReply, ChatToolCall } from "../dialects/native/chat-message.ts";
import { EMPTY_REPLY, numbered } from "../dialects/native/shown.ts";
import type { ShownHistory, StartRequest } from "../dialects/native/wire.ts";
import { answered, withCalls } from "./answers.ts";
import type { Chat, ChatOptions, ChatSnapshot, ChatsOptions } from "./chat.ts";
import { afterFrame, perFrame } from "./frame.ts";
import { eventsOf, failureFrom, type LinkEvent } from "./link.ts";
import { type LiveReply, liveReply } from "./live-reply.ts";
import { onWake } from "./page.ts";
import { randomId } from "./random-id.ts";
import { ASK_MS, answerTo, bodyOf, errorOf, type Requests, stopRun } from "./requests.ts";
import { type Messages, marked, merged, waits, withoutWaiting } from "./shown.ts";
import { asked, rewritten, sentAgain, type Turn } from "./turn.ts";
import { callOf } from "./with-chunk.ts";

/** The end of a stopped reply is waited for, for its usage, in milliseconds. */
const STOPPED_MS = 500;

/** A chat, and the function for a chat that is deleted. */
export interface LiveChat {
  readonly chat: Chat;
  readonly forget: () => void;
}

/** A turn whose reply is being written. */
interface LiveTurn extends Turn {
  readonly abort: AbortController;
  readonly reply: LiveReply;
  run: string | undefined;
  status: "sending" | "streaming" | "reconnecting";
  /** Its run is read, or will be when the run before is over: a server that renders a page reads none. */
  isRead: boolean;
  /** The messages before its reply, and those with it, when it was settled. */
  left?: { readonly before: Messages; readonly after: Messages };
}

/** Why a chat has failed, and what is asked for again: the reply, unless it is another turn. */
interface Failure {
  readonly error: SendError;
  readonly turn?: Turn | undefined;
  readonly options?: ChatOptions | undefined;
}

/** Returns a chat. @param history its messages, where the page has them */
export function liveChat(
  id: string,
  requests: Requests,
  chatsOptions: ChatsOptions,
  history: ShownHistory | undefined,
): LiveChat {
  const listeners = new Set<() => void>();
  /** All but the reply that is being written. */
  let messages: Messages = [];
  let isLoaded = false;
  let loading: Promise<void> | undefined;
  let live: LiveTurn | undefined;
  /** Resolves when the last run is read no more. */
  let over: Promise<void> | undefined;
  /** Stays while the run of another page is shown, if a message has failed. */
  let failure: Failure | undefined;
  /** Calls of the last reply that are answered here, by id, as they are shown when the reply continues. */
  let answers = new Map<string, ChatToolCall>();
  let awake = new AbortController();

  /** Returns the snapshot of this moment. */
  const now = (): ChatSnapshot => {
    const error = live ? undefined : failure?.error;
    return {
      messages: live && (live.status !== "sending" || live.base) ? numbered([...messages, live.reply.shown]) : messages,
      status: live?.status ?? (error ? "failed" : "idle"),
      error,
      usage: lastReply()?.usage,
      isLoaded,
    };
  };

  const changed = perFrame(() => {
    snapshot = now();
    for (const listener of [...listeners]) listener();
  });

  const put = (next: Messages): void => {
    messages = numbered(next);
  };

  /** @throws {SendError} kind `busy` while a reply is being written */
  const mustBeFree = (): void => {
    if (live) throw new SendError("busy", "A reply is being written. Stop it, or wait for its end.");
  };

  /** Returns the last message, if it is a reply that is over. */
  const lastReply = (): ChatReply | undefined => {
    const last = messages.at(-1);
    return last?.role === "assistant" ? last : undefined;
  };

  /** Resolves with the last reply, when the snapshot has it. */
  const published = async (): Promise<ChatReply | undefined> => {
    await new Promise<void>(afterFrame);
    return lastReply();
  };

  /** @throws {SendError} when it cannot be read */
  const stored = (): Promise<ShownHistory> => answerTo(requests(`/${id}`, {}, { view: "page" }));

  /** Takes the server's history. Messages that are the same stay the same objects, and unsent ones stay. */
  const take = ({ messages: theirs, run }: ShownHistory): void => {
    isLoaded = true;
    put(merged(messages, theirs));
    const { fields } = failure?.turn ?? {};
    const isOver = fields?.message === undefined ? !fields || run : messages.every(({ state }) => state !== "failed");
    if (isOver) failure = undefined;
    if (run === undefined || live) return;
    const base = lastReply();
    const turn = base ? { messages: messages.slice(0, -1), base, undo: messages } : { messages };
    begin({ ...turn, run }).status = "streaming";
  };

  const load = (): Promise<void> => {
    const read = async (): Promise<void> => {
      if (live) return attach();
      try {
        const history = await stored();
        if (live) return; // a run has begun meanwhile
        take(history);
        attach();
      } catch (error) {
        if (!isLoaded) failure = { error: error as SendError };
      }
      changed();
    };
    loading ??= read().finally(() => {
      loading = undefined;
    });
    return loading;
  };

  /** Reads the run of the turn that has begun. */
  const attach = (): void => {
    if (!live || live.isRead) return;
    live.isRead = true;
    over = read(live, over);
  };

  const begin = (turn: Turn): LiveTurn => {
    put([...turn.messages, turn.base ?? EMPTY_REPLY]);
    const base = lastReply();
    messages = messages.slice(0, -1);
    answers = new Map();
    live = {
      ...turn,
      run: turn.run,
      abort: new AbortController(),
      reply: liveReply(base),
      status: "sending",
      isRead: false,
    };
    return live;
  };

  const start = async (turn: Turn): Promise<ChatReply | undefined> => {
    begin(turn);
    failure = undefined;
    attach();
    changed();
    await over;
    return published();
  };

  const read = async (mine: LiveTurn, before: Promise<void> | undefined): Promise<void> => {
    try {
      await before;
      const body = mine.fields && (await bodyFor(mine));
      if (mine !== live) return;
      const { run, abort } = mine;
      const { signal } = abort;
      for await (const events of eventsOf({ ...chatsOptions, requests, start: body, chat: id, run, signal })) {
        for (const event of events) if (follow(mine, event)) return;
        if (mine === live) changed();
      }
    } catch (thrown) {
      fail(mine, thrown);
    }
  };

  /** Resolves with the body of a start. The chat is loaded before: a message has its place behind the others. */
  const bodyFor = async (mine: LiveTurn): Promise<string> => {
    if (!isLoaded) take(await stored());
    const { model, options } = chatsOptions;
    const all = { model, ...(typeof options === "function" ? options() : options), ...mine.options };
    mine.run ??= randomId();
    return bodyOf({ ...mine.fields, run: mine.run, chat: id, options: all });
  };

  /** Takes an event of a link. Returns whether it was the end. */
  const follow = (mine: LiveTurn, event: LinkEvent): boolean => {
    const { reply } = mine;
    switch (event.type) {
      case "complete": {
        const { message } = event;
        const ended = reply.ended(message.interrupted ? "interrupted" : "complete", message);
        settle(mine, ended);
        // Another device, or an answer that was lost, has left calls open: the history shows which.
        if (reply.isEmpty(ended)) void load();
        return true;
      }
      case "absent":
        settle(mine, reply.shown);
        return true;
      case "failed":
        fail(mine, errorOf(event.error), event.error.partial);
        return true;
      case "opened":
        mine.status = "streaming";
        if (mine === live) put(withoutWaiting(marked(messages, "sent")));
        break;
      case "lost":
        if (mine.status !== "sending") mine.status = "reconnecting";
    }
    reply.add(event);
    return false;
  };

  /**
   * Ends a turn with its reply, of which nothing may have come. A turn that was stopped has its last word here, and the
   * user may have said more meanwhile.
   */
  const settle = (mine: LiveTurn, reply: ChatReply): void => {
    const isEmpty = mine.reply.isEmpty(reply);
    const { before, after } = mine.left ?? { before: messages, after: [] };
    const settled = [...marked(before, "sent"), reply];
    if (mine === live) {
      live = undefined;
      put(isEmpty ? (mine.undo ?? marked(before, "failed")) : settled);
      mine.left = { before, after: messages };
    } else if (!isEmpty && after.every((message, place) => messages[place] === message)) {
      put([...settled, ...messages.slice(after.length)]);
    }
    changed();
  };

  const fail = (mine: LiveTurn, thrown: unknown, partial?: Parameters<LiveReply["ended"]>[1]): void => {
    if (mine !== live) return; // it was stopped, or its chat is deleted
    const { fields, options, status } = mine;
    const error = failureFrom(thrown);
    const reply = mine.reply.ended("interrupted", partial, true);
    const isAsked = fields && mine.reply.isEmpty(reply);
    const run = status !== "sending" || error.status !== undefined ? undefined : mine.run; // it may have begun
    const turn = isAsked ? { ...mine, messages: marked(messages, "sending"), run } : failure?.turn;
    failure = { error, turn, options };
    settle(mine, reply);
    // Calls may have run, and the reply of another page may be the reason.
    if (mine.base || error.kind === "busy") void Promise.resolve(loading).then(load);
  };

  /** Shows a call of the last reply in another state. */
  const show = (call: ChatToolCall): void => {
    const reply = lastReply();
    if (!reply) return;
    put(
      messages.with(
        -1,
        withCalls(reply, (each) => (each.id === call.id ? call : undefined)),
      ),
    );
    changed();
  };

  /** Has the relay keep an answer while other calls of the reply wait. Never rejects. */
  const keepAnswer = async (
    fields: Partial<StartRequest>,
    call: ChatToolCall,
    before: Promise<void> | undefined,
  ): Promise<void> => {
    await before;
    try {
      const body = bodyOf({ run: randomId(), chat: id, ...fields });
      await answerTo(requests("", { signal: AbortSignal.timeout(ASK_MS), body }), String); // the calls that wait
      show({ ...call, state: "answered" }); // a history that was read meanwhile did not know
    } catch (thrown) {
      answers.delete(call.id);
      show(call);
      await load(); // another device may have answered
      failure = { error: failureFrom(thrown) };
      changed();
    }
  };

  const stop: Chat["stop"] = async () => {
    const mine = live;
    if (mine) {
      const ended = over;
      settle(mine, mine.reply.ended("interrupted", { finishReason: "stopped" }, true));
      if (mine.run !== undefined) {
        await stopRun(requests, id, mine.run);
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, STOPPED_MS))]);
      }
      mine.abort.abort();
    }
    return published();
  };

  const retry: Chat["retry"] = async () => {
    mustBeFree();
    if (failure?.turn) return start(sentAgain(failure.turn, messages));
    if (isLoaded && messages[0] && !lastReply()?.toolCalls.some(waits)) return regenerate(undefined, failure?.options);
    await load();
    return undefined;
  };

  const regenerate: Chat["regenerate"] = async (messageId, options) => {
    void stop();
    const turn = rewritten(messages, messageId ?? messages.at(-1)?.id);
    return failure?.turn && turn.messages.at(-1)?.state === "sending" ? retry() : start({ ...turn, options });
  };

  if (history) take(history);
  const initial = now();
  let snapshot = initial;

  return {
    chat: {
      id,
      initial,
      get snapshot() {
        return snapshot;
      },
      subscribe(listener) {
        if (listeners.size === 0) {
          awake = new AbortController();
          onWake(() => void load(), awake.signal);
        }
        listeners.add(listener);
        if (isLoaded) attach();
        else void load();
        return () => {
          listeners.delete(listener);
          if (listeners.size === 0) awake.abort();
        };
      },
      load,
      async send(content, options) {
        mustBeFree();
        return start({ ...asked(messages, content), options });
      },
      stop,
      retry,
      async edit(messageId, content, options) {
        const turn = rewritten(messages, messageId, content);
        void stop();
        return start({ ...turn, options });
      },
      regenerate,
      async answer(callId, answer) {
        const base = lastReply();
        const call = base && callOf(base, callId);
        if (!call || !waits(call)) {
          throw new SendError("invalidRequest", `The call ${callId} does not wait for an answer.`);
        }
        const { fields, shown } = answered(call, answer);
        answers.set(callId, shown);
        if (base.toolCalls.some((each) => waits(each) && each !== call)) {
          show({ ...call, state: "answered" });
          over = keepAnswer(fields, call, over);
          await over;
          await published();
          return undefined;
        }
        const continued = withCalls(base, (each) =>
          each === call || each.state === "answered"
            ? (answers.get(each.id) ?? { ...each, state: "running" })
            : undefined,
        );
        return start({ fields, messages: messages.slice(0, -1), base: continued, undo: messages });
      },
    },
    forget() {
      live?.abort.abort();
      live = failure = undefined;
      messages = [];
      changed();
    },
  };
}
