/** The findings of a content filter that a cloud puts between the caller and the model. */

/** One finding of a content filter. */
export interface ContentFilterFinding {
  /** The text that it is about. */
  readonly subject: "prompt" | "reply";
  /** The cloud's name of the category, such as `violence` or `jailbreak`. */
  readonly category: string;
  /** Whether the cloud withheld the text because of it. */
  readonly filtered: boolean;
  /** The cloud's word, such as `low`, `medium` or `high`; absent for categories that are only detected. */
  readonly severity?: string;
}
