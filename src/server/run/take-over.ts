/** Takes over a run whose process has died: as its next attempt, from its log and from the store of its session. */

import type { AssistantMessage } from "../../contract/message.ts";
import type { SendOptions } from "../../contract/options.ts";
import { canGoOn, chunksSoFar, openRest } from "../../stream/rest-of-reply.ts";
import type { FollowerParts, LogFollower } from "../feed/log-follower.ts";
import { readOn } from "../feed/log-pages.ts";
import type { LogWriter, RunHead, RunRequest, TurnToKeep } from "../log/log.ts";
import { lostEnd } from "../log/lost-run.ts";
import { messageSoFar } from "../log/message-so-far.ts";
import { outlineOf } from "../log/outline-so-far.ts";
import { seenSoFar } from "../log/seen-so-far.ts";
import type { RelaySettings } from "../relay-options.ts";
import { ConversationTurn, type SentConversation, splitOf } from "./conversation-turn.ts";
import { clientOf, turnSource, withTools } from "./reply-source.ts";
import type { RunParts } from "./run.ts";
import type { RunSource } from "./run-source.ts";
import type { LeftSoFar } from "./session-turn.ts";

/** How an attempt to take a run over ends. See `FollowerParts.takeOver`. */
type TakeOver = NonNullable<FollowerParts["takeOver"]>;

/** The process that takes runs over. */
export interface TakeOverHost {
  readonly settings: RelaySettings;
  isDraining(): boolean;
  /** Begins to write the run here. */
  run(parts: Pick<RunParts, "head" | "feed" | "source" | "writer" | "takenOver">): void;
}

/** Returns whether a run may be taken over at all. */
export function mayBeTakenOver({ continues }: RelaySettings, { request, turn }: RunHead): boolean {
  return continues && (request ?? turn) !== undefined;
}

/** Continues a run whose process has died. */
export async function takeOver(host: TakeOverHost, { head, feed }: LogFollower, attempt: number): ReturnType<TakeOver> {
  const { log } = host.settings;
  const { request, turn } = head;
  const conversation = request && conversationOf(host.settings, request);
  const split = conversation && splitOf(conversation);
  if (conversation && !split && !canGoOn(messageSoFar(head, feed.entries))) return "never";
  const writer = host.isDraining() ? undefined : await log.takeOver(head.id, attempt);
  if (!writer) return "notNow";
  const isAll = await readOn(log, feed).then(
    () => true,
    () => false,
  );
  if (!isAll || host.isDraining()) {
    await writer.release();
    return "notNow";
  }
  const message = messageSoFar(head, feed.entries);
  const left = { seen: seenSoFar(head, feed.entries), message };
  const source =
    conversation && split
      ? new ConversationTurn(conversation, split, left)
      : conversation
        ? restSource(conversation, message)
        : turn && leftTurnSource(host, head, left, turn);
  if (!source) return sealed(writer, head, feed);
  const outline = outlineOf(feed.entries);
  const isTurn = turn !== undefined || split !== undefined;
  const takenOver = { attempt, message, outline, facts: left.seen.facts, after: feed.last?.id, isTurn };
  host.run({ head, feed, source, writer, takenOver });
  return "taken";
}

/** Returns the conversation of a run, with the tools and limits of this process. */
function conversationOf(
  settings: RelaySettings,
  { messages, options: given, approvals }: RunRequest,
): SentConversation {
  const { model, ...options } = given;
  const { tools = [], ...rest } = withTools(settings, options);
  const { budget } = settings;
  return { client: clientOf(settings, model), messages, tools, options: rest, approvals, budget };
}

/** Returns the rest of a reply; `undefined` when it cannot be continued. */
function restSource(
  { client, messages, tools, options }: SentConversation,
  message: AssistantMessage,
): RunSource | undefined {
  if (!canGoOn(message)) return undefined;
  const call = {
    messages,
    options: { ...options, ...(tools.length > 0 && { tools }) },
    defaults: client.defaults,
    open: client.sendMessageStream.bind(client),
  };
  return { soFar: chunksSoFar(message), open: (signal) => openRest(call, message, signal) };
}

/** Returns the turn of a session, which continues as far as nothing can happen twice. */
function leftTurnSource(
  { settings }: TakeOverHost,
  head: LogFollower["head"],
  left: LeftSoFar,
  { request, options: given }: TurnToKeep,
): RunSource | undefined {
  const { model, ...options } = given;
  return turnSource(settings, { head, request, options: options as SendOptions, model, left });
}

/** Ends a run that this process has taken and cannot continue. */
async function sealed(
  writer: LogWriter,
  head: LogFollower["head"],
  feed: LogFollower["feed"],
): Promise<"taken" | "notNow"> {
  const end = await writer.end(lostEnd(head, feed.entries));
  if (end) feed.finish(end);
  return end ? "taken" : "notNow";
}
