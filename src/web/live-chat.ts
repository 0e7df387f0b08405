/** One chat: its messages, and the run that writes its next one. One state machine: `ChatStatus` lists its states. */

import { SendError } from "../contract/errors.ts";
import type { ChatReply, ChatToolCall } from "../dialects/native/chat-message.ts";
import { emptyReply } from "../dialects/native/shown.ts";
import type { ShownHistory, StartRequest } from "../dialects/native/wire.ts";
import { answered, fieldsOf, withCalls } from "./answers.ts";
import type { Chat, ChatSnapshot, ChatStatus, ChatsOptions } from "./chat.ts";
import { afterFrame, perFrame } from "./frame.ts";
import { failureFrom, type LinkEvent } from "./link.ts";
import { type LiveReply, liveReply } from "./live-reply.ts";
import { onWake } from "./page.ts";
import { randomId } from "./random-id.ts";
import { answerTo, bodyOf, errorOf, type Requests, stopRun } from "./requests.ts";
import { type Messages, marked, merged, waits, withHead, withoutWaiting } from "./shown.ts";
import { asked, continued, edited, type Failure, failureOf, rewritten, sentAgain, type Turn } from "./turn.ts";
import { eventsOfWatch, START_FOR_MS, type Watch, watchOf } from "./watch.ts";
import { callOf } from "./with-chunk.ts";

/** The end of a stopped reply is waited for, for its usage, in milliseconds. */
const STOPPED_MS = 500;

/** A chat, and the function for a chat that is deleted. */
export interface LiveChat {
  readonly chat: Chat;
  readonly forget: () => void;
}

/** Returns a chat. @param history its messages, where the page has them */
export function liveChat(
  id: string,
  requests: Requests,
  chatsOptions: ChatsOptions,
  history: ShownHistory | undefined,
): LiveChat {
  const listeners = new Set<() => void>();
  let messages: Messages = [];
  let status: ChatStatus = "idle";
  let error: SendError | undefined;
  let isLoaded = false;
  let loading: Promise<void> | undefined;
  /** The run that a history named, which is not watched yet: a server that renders a page watches none. */
  let named: Turn | undefined;
  /** The run that is shown as it is written. */
  let watch: Watch | undefined;
  /** Resolves when the last run is read no more. */
  let over: Promise<void> | undefined;
  /** The turn of this page that has failed, for `retry`. A message stays while the run of another page is shown. */
  let failure: Failure | undefined;
  /** Calls of the last reply that are answered here, by id, as they are shown when the reply goes on. */
  let answers = new Map<string, ChatToolCall>();
  let sleep: (() => void) | undefined;

  /** Returns the snapshot of this moment. */
  const now = (): ChatSnapshot => {
    const shown = watch && (watch.isOpened || watch.turn.base) ? [watch.reply.shown] : undefined;
    return {
      messages: shown ? [...messages, ...shown] : messages,
      status,
      error,
      usage: lastReply()?.usage,
      isLoaded,
    };
  };

  const changed = perFrame(() => {
    snapshot = now();
    for (const listener of [...listeners]) listener();
  });

  const to = (next: ChatStatus, reason?: SendError): void => {
    status = next;
    error = reason;
    changed();
  };

  /** @throws {SendError} kind `busy` while a reply is being written */
  const mustBeFree = (): void => {
    if (watch) throw new SendError("busy", "A reply is being written. Stop it, or wait for its end.");
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
  const stored = (): Promise<ShownHistory> =>
    answerTo(requests(`/${id}`, { signal: AbortSignal.timeout(START_FOR_MS) }, { view: "page" }));

  /** Takes the server's history. Messages that are the same stay the same objects, and unsent ones stay. */
  const take = ({ messages: theirs, run }: ShownHistory): void => {
    isLoaded = true;
    messages = merged(messages, theirs);
    if (run !== undefined && !watch) named = { messages, run };
    if (named) {
      status = "streaming";
      error = undefined;
    }
    const isAsked = failure?.turn.fields?.message === undefined || messages.some(({ state }) => state === "failed");
    if (!isAsked) failure = undefined; // the message has arrived
  };

  const readHistory = async (): Promise<void> => {
    if (watch) return;
    try {
      const read = await stored();
      if (watch) return; // a run has begun meanwhile
      take(read);
      if (!failure && !named) to("idle");
      attach();
      changed();
    } catch (thrown) {
      if (!isLoaded) to("failed", thrown as SendError);
    }
  };

  const load = (): Promise<void> => {
    loading ??= readHistory().finally(() => {
      loading = undefined;
    });
    return loading;
  };

  /** Watches the run that a history has named. */
  const attach = (): void => {
    if (!named) return;
    const base = lastReply();
    const undo = base && messages;
    if (base) messages = messages.slice(0, -1);
    begin({ ...named, base, undo });
  };

  const start = async (turn: Turn): Promise<ChatReply | undefined> => {
    messages = turn.messages;
    const { over: ended } = begin(turn);
    to("sending");
    await ended;
    return published();
  };

  const begin = (turn: Turn): Watch => {
    const begun = watchOf(turn, messages);
    if (turn.fields || failure?.turn.fields?.message === undefined) failure = undefined;
    named = undefined;
    answers = new Map();
    watch = begun;
    begun.over = read(begun, over);
    over = begun.over;
    return begun;
  };

  const read = async (mine: Watch, before: Promise<void> | undefined): Promise<void> => {
    try {
      await before;
      const body = mine.turn.fields && (await bodyFor(mine, mine.turn.fields));
      if (mine.isStopped) return;
      for await (const events of eventsOfWatch(mine, body, { requests, chat: id, ...chatsOptions })) {
        for (const event of events) if (follow(mine, event)) return;
        if (mine === watch) changed();
      }
    } catch (thrown) {
      fail(mine, thrown);
    }
  };

  /** Resolves with the body of a start. The chat is loaded before: a message has its place behind the others. */
  const bodyFor = async (mine: Watch, fields: Partial<StartRequest>): Promise<string> => {
    if (!isLoaded) {
      take(await stored());
      mine.reply = liveReply(emptyReply(messages));
    }
    const { model, options } = chatsOptions;
    const all = { model, ...(typeof options === "function" ? options() : options), ...mine.turn.options };
    mine.run ??= randomId();
    return bodyOf({ run: mine.run, chat: id, ...fields, options: all });
  };

  /** Takes an event of a link. Returns whether it was the end. */
  const follow = (mine: Watch, event: LinkEvent): boolean => {
    const { reply } = mine;
    switch (event.type) {
      case "complete": {
        const { content, toolCalls = [], interrupted } = event.message;
        // Another device, or an answer that was lost, has left calls open: the history shows which.
        const isAsked =
          content === "" && toolCalls.length > 0 && toolCalls.every((call) => callOf(reply.base, call.id));
        settle(mine, isAsked ? reply.base : reply.ended(interrupted ? "interrupted" : "complete", event.message));
        if (isAsked) void load();
        return true;
      }
      case "absent":
        settle(mine, reply.base);
        return true;
      case "failed":
        fail(mine, errorOf(event.error), event.error.partial);
        return true;
      case "opened":
        mine.isOpened = true;
        if (mine === watch) {
          status = "streaming";
          messages = withoutWaiting(marked(messages, "sent"));
        }
        break;
      case "lost":
        if (mine === watch) status = "reconnecting";
    }
    reply.add(event);
    return false;
  };

  /**
   * Ends a turn with its reply, of which nothing may have come. A turn that was stopped has its last word here, and the
   * user may have said more meanwhile.
   */
  const settle = (mine: Watch, reply: ChatReply, reason = failure?.error): void => {
    const { turn, left } = mine;
    const isEmpty = mine.reply.isEmpty(reply);
    if (mine === watch) {
      const before = messages;
      messages = isEmpty ? (turn.undo ?? marked(before, "failed")) : [...marked(before, "sent"), reply];
      watch = undefined;
      mine.left = { before, after: messages };
      to(reason ? "failed" : "idle", reason);
    } else if (!isEmpty && left) {
      messages = withHead(messages, left.after, [...marked(left.before, "sent"), reply]);
      if (watch && !watch.isOpened && !watch.turn.base) watch.reply = liveReply(emptyReply(messages));
      changed();
    }
  };

  const fail = (mine: Watch, thrown: unknown, partial?: Parameters<LiveReply["ended"]>[1]): void => {
    if (mine !== watch) return; // it was stopped, or its chat is deleted
    const reason = failureFrom(thrown);
    const before = messages;
    settle(mine, mine.reply.ended("interrupted", partial, true), reason);
    failure = failureOf(mine, reason, before, messages) ?? failure;
    // Calls may have run, and the reply of another page may be the reason.
    if (mine.turn.base || reason.kind === "busy") void Promise.resolve(loading).then(load);
  };

  /** Shows a call of the last reply in another state. */
  const show = (call: ChatToolCall): void => {
    const reply = lastReply();
    if (!reply) return;
    const shown = withCalls(reply, (each) => (each.id === call.id && each.at === call.at ? call : undefined));
    messages = [...messages.slice(0, -1), shown];
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
      await answerTo(requests("", { signal: AbortSignal.timeout(START_FOR_MS), body }), String); // the calls that wait
      show({ ...call, state: "answered" }); // a history that was read meanwhile did not know
    } catch (thrown) {
      answers.delete(call.id);
      show(call);
      await load(); // another device may have answered
      if (lastReply()) to("failed", failureFrom(thrown));
    }
  };

  const stop: Chat["stop"] = async () => {
    const mine = watch;
    if (mine) {
      mine.isStopped = true;
      settle(mine, mine.reply.ended("interrupted", { finishReason: "stopped" }));
      if (mine.run !== undefined) {
        await stopRun(requests, id, mine.run);
        await Promise.race([mine.over, new Promise((resolve) => setTimeout(resolve, STOPPED_MS))]);
      }
      mine.abort.abort();
    }
    return published();
  };

  const retry: Chat["retry"] = async () => {
    mustBeFree();
    const reply = lastReply();
    if (failure) return start(sentAgain(failure.turn, messages));
    if (isLoaded && messages.at(-1)?.state === "failed") {
      return start({ fields: { regenerate: true }, messages: marked(messages, "sending") });
    }
    if (!isLoaded || reply?.toolCalls.some(waits)) await load();
    else if (reply) return regenerate();
    return undefined;
  };

  const regenerate: Chat["regenerate"] = async (messageId, options) => {
    void stop();
    const turn = rewritten(messages, messageId);
    return turn.messages.at(-1)?.state === "failed" ? retry() : start({ ...turn, options });
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
        listeners.add(listener);
        sleep ??= onWake(() => void load());
        if (isLoaded) attach();
        else void load();
        return () => {
          listeners.delete(listener);
          if (listeners.size > 0) return;
          sleep?.();
          sleep = undefined;
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
        const turn = edited(messages, messageId, content);
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
        answers.set(callId, answered(call, answer));
        if (base.toolCalls.some((each) => waits(each) && each !== call)) {
          show({ ...call, state: "answered" });
          over = keepAnswer(fieldsOf(call, answer), call, over);
          await over;
          await published();
          return undefined;
        }
        return start(continued(messages, base, answers, call, answer));
      },
    },
    forget() {
      watch?.abort.abort();
      watch = undefined;
      failure = undefined;
      messages = [];
      to("idle");
    },
  };
}
