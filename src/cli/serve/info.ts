/** The facts about the server that the page shows. */

/** The answer to `GET /info`. */
export interface ServerInfo {
  readonly version: string;
  readonly provider: string;
  readonly model: string;
  /** The names of the server's tools. */
  readonly tools: readonly string[];
  /** A note about the choice of the model, such as that it is a toy. */
  readonly note?: string;
}
