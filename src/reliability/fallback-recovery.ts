/** A reply that breaks at one client of a fallback is continued, or begun again, at the others. */

import type { ClientWrapper } from "../contract/client.ts";
import type { SendError } from "../contract/errors.ts";
import { loadPart } from "../contract/load-part.ts";
import type { Message } from "../contract/message.ts";
import type { Recovery, SendOptions } from "../contract/options.ts";
import { lacksRecovery, openRecovering, recovery } from "../stream/load-recovery.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { openStream } from "../stream/open-stream.ts";
import { type FallbackMembers, fallbackRules, waitMsOf } from "./fallback-rules.ts";
import { type Race, raceOf } from "./race.ts";

/** Resolves with the stream of a call that has `recover`. */
export async function openRecoverable<Output>(
  members: FallbackMembers,
  messages: readonly Message[],
  options: SendOptions<Output> & { readonly recover: Recovery },
): Promise<MessageStream<Output>> {
  const { clients, shouldFallBack, now } = members;
  const startedAt = now();
  if (lacksRecovery(options)) await loadPart(recovery);
  let recovered = 0;
  let race: Race | undefined;
  const others = (): readonly ClientWrapper[] => clients.filter((client) => client !== race?.winner);
  const canContinue = (error: SendError): boolean =>
    shouldFallBack(error) &&
    recovered < clients.length - 1 &&
    others().some((client) => waitMsOf(members, client) === 0);

  async function open(
    more: readonly Message[],
    its: SendOptions,
    order: readonly ClientWrapper[],
  ): Promise<MessageStream> {
    const opening = raceOf(more, its, fallbackRules(members, { order, streamed: true, canContinue }));
    const stream = await openStream(opening);
    race = opening;
    return stream;
  }

  const first = await open(messages, options, clients);
  return openRecovering<Output>(
    {
      messages,
      options,
      open(more, its) {
        recovered++;
        return open(more, its, others());
      },
      delayMs: (error) => (canContinue(error) ? 0 : undefined),
      now,
      startedAt,
    },
    first,
  );
}
