/** The recovery of replies that break, which is loaded with the first call that has `recover`: few calls have it. */

import type { SendOptions } from "../contract/options.ts";
import { LazyPart } from "../platform/lazy-part.ts";
import type { MessageStream } from "./message-stream.ts";
import { openStream } from "./open-stream.ts";
import type { RecoverableCall } from "./recovering-source.ts";

/** The recovery. Every client has loaded it before it opens a reply with `recover`. */
export const recovery: LazyPart<typeof import("./recovering-source.ts")> = /* @__PURE__ */ new LazyPart(
  "The recovery of replies",
  () => import("./recovering-source.ts"),
);

/** Returns whether the recovery must be loaded before a call with these options. */
export function lacksRecovery({ recover }: Pick<SendOptions, "recover">): boolean {
  return recover !== undefined && !recovery.isLoaded;
}

/** Resolves with a stream that completes the call's first reply when it breaks. */
export function openRecovering<Output>(call: RecoverableCall, first: MessageStream): Promise<MessageStream<Output>> {
  const { now, startedAt } = call;
  return openStream(new recovery.loaded.RecoveringSource(call, first), { now, startedAt });
}
