/** The subject of the contract suite. */

import type { ClientWrapper } from "../../contract/client.ts";
import type { ReplyScript } from "../script.ts";

/**
 * The features that a case may need in addition to a client that plays scripts.
 * - Observed from outside: `closing` (when a call's connection is closed), `requests` (how many were sent), `sent` (how
 *   much the provider has sent).
 * - Of the runtime: `transfer` (a stream passes to another thread).
 * - Set by a script: all others. `toolCallDeltas` are calls whose arguments arrive in pieces, so that a call that was
 *   cut is visible. `cacheWrites` are tokens that were written to the provider's cache, and `reasoningTokens` those
 *   that were spent on thinking, if the provider counts them. `media` are pictures, by their bytes. `refusalReason` is
 *   the word for the end of a reply in which the model declined. `providerCodes` are the HTTP status and the provider's
 *   own code of a failure, which a server may mask.
 */
export type Ability =
  | "closing"
  | "requests"
  | "sent"
  | "reasoning"
  | "toolCalls"
  | "toolCallDeltas"
  | "citations"
  | "media"
  | "usage"
  | "cacheWrites"
  | "reasoningTokens"
  | "rawFinishReason"
  | "refusalReason"
  | "refusals"
  | "providerCodes"
  | "timeouts"
  | "transfer";

/** A client under test, with observations of its provider. */
export interface OpenedSubject {
  /** The client, which plays the scripts of `open`. */
  readonly client: ClientWrapper;
  /** Returns the number of requests sent so far, or a promise of it where another process counts them. */
  requests?(): number | Promise<number>;
  /** Resolves when the connection of the call (counted from 0) is closed, by either side. */
  closed?(call: number): Promise<unknown>;
  /** Returns the number of pieces of the call's reply that have left the provider so far, or a promise of it. */
  sent?(call: number): number | Promise<number>;
  /** Frees what `open` has taken. Called after each case. */
  dispose?(): unknown;
}

/** Opens a client that plays scripts, and lists the abilities that it lacks. */
export interface ContractSubject {
  /** Opens a client whose calls will meet these scripts, one after another. */
  open(scripts: readonly ReplyScript[]): OpenedSubject | Promise<OpenedSubject>;
  /** The abilities that this client lacks, each with its reason. Cases that need one are skipped with that reason. */
  readonly cannot?: Readonly<Partial<Record<Ability, string>>>;
  /**
   * Maximum number of pieces of 64 kB that may leave the provider while the reader does not read. The default is 40 MB,
   * far more than kernels buffer.
   * @default 640
   */
  readonly readAhead?: number;
  /**
   * Maximum time of a case, in milliseconds.
   * @default 10_000
   */
  readonly timeoutMs?: number;
}
