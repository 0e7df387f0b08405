/** The client that a command talks to, and what goes with it. */

import type { ClientWrapper } from "../index.ts";

/** A client that can get ready before it is asked anything. */
export interface ReadyClient extends ClientWrapper {
  /** Resolves with whether it is ready; never rejects. */
  warm(): Promise<boolean>;
}

export interface Choice {
  readonly client: ReadyClient;
  /** The same provider with another model. */
  withModel(model: string): ReadyClient;
  /** Asks the server for its models. Absent: its models are not listed. */
  readonly models?: () => Promise<readonly string[]>;
  /** Limits how much of a conversation is sent, in tokens. Absent: no limit. */
  readonly maxTokens?: number;
  /** What the person must know of this choice. */
  readonly note?: string;
}
