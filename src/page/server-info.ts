/** The facts that the server states about itself. The server takes the type from here, since the page reads it. */

/** The answer to `GET /info`. */
export interface ServerInfo {
  readonly version: string;
  readonly provider: string;
  /** The model that answers where none is chosen. */
  readonly model: string;
  /** The names of the models that can be chosen; the first one is that of `model`. */
  readonly models: readonly string[];
  /** The names of the server's tools. */
  readonly tools: readonly string[];
  /** A note about the choice of the model, such as that it is a toy. */
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
