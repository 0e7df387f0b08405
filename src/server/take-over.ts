/** Takes over a run whose process has died: as its next attempt, from its log and from the store of its session. */

import type { AssistantMessage } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { canGoOn, chunksSoFar, openRest } from "../stream/rest-of-reply.ts";
import type { LogWriter, RunHead, RunRequest, TurnToKeep } from "./log.ts";
import type { FollowerParts, LogFollower } from "./log-follower.ts";
import { readOn } from "./log-pages.ts";
import { lostEnd } from "./lost-run.ts";
import { messageSoFar } from "./message-so-far.ts";
import { outlineOf } from "./outline-so-far.ts";
import type { RelaySettings } from "./relay-options.ts";
import { clientOf, turnSource, withTools } from "./reply-source.ts";
import type { RunParts, RunSource } from "./run.ts";
import { seenSoFar } from "./seen-so-far.ts";

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
  if (request && !canGoOn(messageSoFar(head, feed.entries))) return "never";
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
  const source = request ? restSource(host.settings, request, message) : turn && leftTurnSource(host, head, feed, turn);
  if (!source) return sealed(writer, head, feed);
  const outline = outlineOf(feed.entries);
  const takenOver = { attempt, message, outline, after: feed.last?.id, isTurn: turn !== undefined };
  host.run({ head, feed, source, writer, takenOver });
  return "taken";
}

/** Returns the rest of a reply; `undefined` when it cannot be continued. */
function restSource(
  settings: RelaySettings,
  { messages, options: given }: RunRequest,
  message: AssistantMessage,
): RunSource | undefined {
  if (!canGoOn(message)) return undefined;
  const { model, ...options } = given;
  const client = clientOf(settings, model);
  const call = {
    messages,
    options: { ...withTools(settings, options) },
    defaults: client.defaults,
    open: client.sendMessageStream.bind(client),
  };
  return { soFar: chunksSoFar(message), open: (signal) => openRest(call, message, signal) };
}

/** Returns the turn of a session, which goes on as far as nothing can happen twice. */
function leftTurnSource(
  { settings }: TakeOverHost,
  head: LogFollower["head"],
  feed: LogFollower["feed"],
  { request, options: given }: TurnToKeep,
): RunSource | undefined {
  const { model, ...options } = given;
  const left = { seen: seenSoFar(head, feed.entries), message: messageSoFar(head, feed.entries) };
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
