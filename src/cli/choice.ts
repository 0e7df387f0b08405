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
  /** What the server has; absent where nobody needs to ask. */
  readonly models?: () => Promise<readonly string[]>;
  /** How much of a conversation is sent, in tokens; absent where that is no concern of ours. */
  readonly maxTokens?: number;
  /** What the person must know of this choice. */
  readonly note?: string;
}
