/** The phases of a call, and what each of them knows. */

import type { SendError } from "../contract/errors.ts";
import type { Decoder, ReplyPosition } from "../protocols/protocol.ts";
import type { CallAttempt } from "./attempt.ts";

/** A reply that the provider keeps, and that the next attempt continues. */
export interface Resumption {
  readonly position: ReplyPosition;
  /** The decoder that has read the beginning. */
  readonly decoder: Decoder;
  /** The error that broke the reply off. */
  readonly reason: SendError;
}

/** The state of a call. An attempt that has no resumption begins the reply again. */
export type Phase =
  | { readonly status: "new" }
  | {
      readonly status: "attempting";
      readonly attempt: CallAttempt;
      readonly resumption: Resumption | undefined;
      /** The failure of the attempt before this one. */
      readonly lastFailure: SendError | undefined;
    }
  /** Between two attempts. */
  | {
      readonly status: "waiting";
      readonly timer: ReturnType<typeof setTimeout>;
      readonly resumption: Resumption | undefined;
      readonly failure: SendError;
    }
  | Over;

/** The reply is complete, has failed or was closed. `attempt`: the last one, unless the call ended between two. */
export interface Over {
  readonly status: "over";
  readonly attempt: CallAttempt | undefined;
}

/** The phase before the first attempt. */
export const NEW: Phase = { status: "new" };

/** Returns the place in a reply that the provider may keep, with the decoder of the reply. */
export function keptReply(phase: Phase): Pick<Resumption, "position" | "decoder"> | undefined {
  switch (phase.status) {
    case "attempting": {
      const { decoder } = phase.attempt;
      const position = decoder.position?.();
      return position && { position, decoder };
    }
    case "waiting":
      return phase.resumption;
    case "new":
    case "over":
      return undefined;
  }
}

/** Returns the error that broke the reply off: a resumption that the provider refuses did not. */
export function brokenBy(phase: Phase, error: SendError): SendError {
  if (phase.status !== "attempting" || !phase.attempt.isRefused) return error;
  return phase.resumption?.reason ?? error;
}

/** Returns the failure of the attempt before. */
export function lastFailureOf(phase: Phase): SendError | undefined {
  switch (phase.status) {
    case "attempting":
      return phase.lastFailure;
    case "waiting":
      return phase.failure;
    case "new":
    case "over":
      return undefined;
  }
}
