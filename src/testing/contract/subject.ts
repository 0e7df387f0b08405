/** The subject of the contract suite. */

import type { ClientWrapper } from "../../contract/client.ts";
import type { ReplyScript } from "../script.ts";

/**
 * What a case may need beyond a client that plays scripts. Observed from outside: `closing` (when a call's connection
 * is closed), `requests` (how many were sent), `sent` (how much the provider has sent). Said in a script: all others;
 * `toolCallDeltas` are calls whose arguments come in pieces, so that there is something to see of one that was cut;
 * `cacheWrites` are tokens that were written to the provider's cache, where it counts them; `media` are pictures, by
 * their bytes; `refusalReason` is a word for the end of a reply in which the model declined.
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
  | "rawFinishReason"
  | "refusalReason"
  | "refusals"
  | "timeouts";

/** A client under test, with observations of its provider. */
export interface OpenedSubject {
  readonly client: ClientWrapper;
  /** Returns the number of requests sent so far. */
  requests?(): number;
  /** Resolves when the connection of the call (counted from 0) is closed, by either side. */
  closed?(call: number): Promise<unknown>;
  /** How many pieces of the call's reply have left the provider so far. */
  sent?(call: number): number;
  dispose?(): unknown;
}

/** How to open a client that plays scripts, and what it does not support. */
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
