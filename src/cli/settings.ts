/** The settings of every command that asks a model. */

import type { ProviderName } from "./providers.ts";

/** The name of the built-in model, as a provider. */
export const BUILT_IN = "embedded";

/** The settings of every command that asks a model. */
export interface Settings {
  readonly provider?: ProviderName | typeof BUILT_IN;
  readonly model?: string;
  readonly baseUrl?: string;
  /** Sends the key also over `http:` to a host outside of the user's own network. */
  readonly allowInsecureHttp?: true;
  readonly system?: string;
  readonly maxOutputTokens?: number;
  /** Limits each turn: input and output of all its requests, and their cost by the list of prices. */
  readonly budget?: { readonly dollars?: number; readonly tokens?: number };
  readonly temperature?: number;
  /** Milliseconds for a complete reply; 0 for no limit of any kind. */
  readonly timeoutMs?: number;
  readonly envFile?: string;
  /** False: never. Absent: on a terminal. */
  readonly color?: false;
  /** The name of the conversation to continue. */
  readonly session?: string;
  /** Keeps no conversation. */
  readonly ephemeral?: true;
  /** The folder for pictures and sounds. Absent: the current one. */
  readonly media?: string;
  /** Asks for replies in one piece. */
  readonly nonStreamed: boolean;
  /** Prints only replies and errors. */
  readonly quiet: boolean;
}
