/** The facts about the server that the page shows. */

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
