/** What the contract suite is run on. */

import type { ClientWrapper } from "../../contract/client.ts";
import type { ReplyScript } from "../script.ts";

/**
 * What a case may need beyond a client that plays scripts. Observed from outside: `closing` (when a call's connection is
 * closed), `requests` (how many were sent), `sent` (how much the provider has sent). Said in a script: all others;
 * `toolCallDeltas` are calls whose arguments come in pieces, so that there is something to see of one that was cut;
 * `cacheWrites` are tokens that were written to the provider's cache, where it counts them;
 * `media` are pictures, by their bytes;
 * `refusalReason` is a word for the end of a reply in which the model declined.
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

/** A client under test, and what can be seen of its provider. */
export interface OpenedSubject {
  readonly client: ClientWrapper;
  /** How many requests were sent so far. */
  requests?(): number;
  /** Resolves when the connection of the call (counted from 0) is closed, by whichever side. */
  closed?(call: number): Promise<unknown>;
  /** How many pieces of the call's reply have left the provider so far. */
  sent?(call: number): number;
  dispose?(): unknown;
}

/** How to get a client that does what scripts say, and what it cannot do. */
export interface ContractSubject {
  /** Opens a client whose calls will meet these scripts, one after another. */
  open(scripts: readonly ReplyScript[]): OpenedSubject | Promise<OpenedSubject>;
  /** What is not applicable to this client, each with its reason. Cases that need it are not run, and say so. */
  readonly cannot?: Readonly<Partial<Record<Ability, string>>>;
  /**
   * How many pieces of 64 kB may leave the provider beyond those that were read, while the reader does not read. Default
   * 640: 40 MB, which is far more than kernels buffer.
   */
  readonly readAhead?: number;
  /** A case that takes longer has failed, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number;
}
