/** The settings that every command which talks to a model takes. */

import type { ProviderName } from "./providers.ts";

/** The name of the built-in model, as a provider. */
export const BUILT_IN = "embedded";

/** What every command that talks to a model takes. */
export interface Settings {
  readonly provider?: ProviderName | typeof BUILT_IN;
  readonly model?: string;
  readonly baseUrl?: string;
  readonly system?: string;
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  /** Milliseconds for a whole reply; 0 for no limit of any kind. */
  readonly timeoutMs?: number;
  readonly envFile?: string;
  /** False: never. Absent: where there is a terminal. */
  readonly color?: false;
  /** The name of the conversation to go on with. */
  readonly session?: string;
  /** Keeps nothing. */
  readonly ephemeral?: true;
  /** The folder for pictures and sounds. Absent: the current one. */
  readonly media?: string;
  /** Asks for replies in one piece. */
  readonly whole: boolean;
  /** Only replies and errors. */
  readonly quiet: boolean;
}
