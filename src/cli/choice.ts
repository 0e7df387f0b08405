/** The client of a command, and its settings. */

import type { ClientWrapper } from "../index.ts";

/** A client that can load before the first question. */
export interface ReadyClient extends ClientWrapper {
  /** Resolves with whether it is ready; never rejects. */
  warm(): Promise<boolean>;
}

export interface Choice {
  readonly client: ReadyClient;
  /** Returns the same provider with another model. */
  withModel(model: string): ReadyClient;
  /** Lists the models of the server. Absent: its models are not listed. */
  readonly models?: () => Promise<readonly string[]>;
  /** Limits how much of a conversation is sent, in tokens. Absent: no limit. */
  readonly maxTokens?: number;
  /** A note about this choice for the user. */
  readonly note?: string;
}
