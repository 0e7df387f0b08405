/** The facts that the server states about itself. */

/** The answer to `GET /info`. */
export interface ServerInfo {
  readonly version: string;
  readonly provider: string;
  readonly model: string;
  /** Those that can be chosen; the first one answers where none is. */
  readonly models: readonly string[];
  readonly tools: readonly string[];
  readonly note?: string;
}

/** The answer of the server to the question what it is. */
export type Answer =
  | { readonly type: "info"; readonly info: ServerInfo }
  | { readonly type: "signIn" }
  | { readonly type: "away" };

/** Asks the server what it is. Never rejects. */
export async function askServer(): Promise<Answer> {
  try {
    const response = await fetch("/info");
    if (response.status === 401) return { type: "signIn" };
    if (!response.ok) return { type: "away" };
    return { type: "info", info: (await response.json()) as ServerInfo };
  } catch {
    return { type: "away" };
  }
}
