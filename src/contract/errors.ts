/** The one error class. Its facts are fields; its message is for a person. */

import type { ContentFilterFinding } from "./content-filter.ts";
import { isRetryable, type SendErrorKind, type TimeoutPhase } from "./error-kind.ts";
import type { AssistantMessage } from "./message.ts";
import type { Attempt } from "./metrics.ts";

/** The known facts of a failure. Absent means not known. */
export interface SendErrorFacts {
  /** The client's name for the provider, such as `"openai"`. */
  readonly provider?: string | undefined;
  /** The model that was asked. */
  readonly model?: string | undefined;
  /** The HTTP status. */
  readonly status?: number | undefined;
  /** The provider's own code for it, such as `insufficient_quota`. */
  readonly code?: string | undefined;
  /** The provider's id of the request, for its support staff. */
  readonly requestId?: string | undefined;
  /** Whether the same request may succeed when sent again. Default: by kind. */
  readonly retryable?: boolean | undefined;
  /** How long the provider asks to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** The limit of `timeouts` that has passed. */
  readonly phase?: TimeoutPhase | undefined;
  /** The wait until then, in milliseconds. */
  readonly waitedMs?: number | undefined;
  /** Every request that was sent for this call. */
  readonly attempts?: readonly Attempt[] | undefined;
  /** The findings of a cloud's content filter, where it reports them. */
  readonly contentFilter?: readonly ContentFilterFinding[] | undefined;
  /** Everything that had arrived: text, thinking, finished calls, usage and metrics. */
  readonly partial?: AssistantMessage | undefined;
  /** The error underneath. */
  readonly cause?: unknown;
}

/** A `SendError` as plain data, as it travels to another thread or a log. */
export type SendErrorData = Omit<SendErrorFacts, "cause"> & { readonly kind: SendErrorKind; readonly message: string };

/**
 * The failure of a reply. `ClientWrapper`s and sessions throw no other error at a call (law 4).
 *
 * @example
 * ```ts
 * import { SendError, type ClientWrapper } from "cloudllm";
 *
 * export async function ask(client: ClientWrapper, question: string): Promise<string> {
 *   try {
 *     return (await client.sendMessage([{ role: "user", content: question }])).content;
 *   } catch (error) {
 *     if (error instanceof SendError && error.partial) return error.partial.content; // keeps the text that was paid for
 *     throw error;
 *   }
 * }
 * ```
 */
export class SendError extends Error implements SendErrorFacts {
  override readonly name = "SendError";
  /** The cause, as a word that a program can switch on. */
  readonly kind: SendErrorKind;
  declare readonly provider?: string;
  declare readonly model?: string;
  declare readonly status?: number;
  declare readonly code?: string;
  declare readonly requestId?: string;
  readonly retryable: boolean;
  declare readonly retryAfterMs?: number;
  declare readonly phase?: TimeoutPhase;
  declare readonly waitedMs?: number;
  declare readonly attempts?: readonly Attempt[];
  declare readonly contentFilter?: readonly ContentFilterFinding[];
  declare readonly partial?: AssistantMessage;

  constructor(kind: SendErrorKind, message: string, facts?: SendErrorFacts) {
    const { cause, retryable = isRetryable(kind), ...rest } = facts ?? {};
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.retryable = retryable;
    for (const [name, value] of Object.entries(rest)) {
      if (value !== undefined) Object.defineProperty(this, name, { value, enumerable: true });
    }
  }

  /** Returns plain data, without the cause and the stack. `SendError.from` makes an error of it again. */
  toJSON(): SendErrorData {
    const { name: _name, cause: _cause, ...facts } = this as SendErrorFacts & Pick<SendError, "name" | "kind">;
    return { ...facts, message: this.message };
  }

  /**
   * Returns the same error with its plain form as its `cause`, the one part of an error that survives a transfer to
   * another thread.
   */
  forTransfer(): SendError {
    const cause = this.toJSON();
    return SendError.from({ ...cause, cause });
  }

  /**
   * Returns an error from the data of `toJSON`.
   * @throws {TypeError} when the data is not an object
   */
  static from(data: SendErrorData & Pick<SendErrorFacts, "cause">): SendError {
    if (typeof data !== "object" || data === null) throw new TypeError("`data` must be an object.");
    const { kind, message, ...facts } = data;
    return new SendError(kind, message, facts);
  }
}
