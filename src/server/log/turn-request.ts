/** The turn that a run sends to a session. Types only. */

import type { ToolMessage, UserMessage } from "../../contract/message.ts";
import type { CallApproval } from "../../dialects/native/wire.ts";

/** The part of the history that stays before a turn: so many messages, or so many questions with their replies. */
export type KeptHistory = number | { readonly turns: number };

/** The answers of one request. */
export interface CallAnswers {
  /** Results of tools that ran in the browser. */
  readonly results: readonly ToolMessage[];
  /** Decisions about calls that wait for approval. */
  readonly approvals: readonly CallApproval[];
}

/**
 * The input of a turn. `answers` are those of calls that wait. `regenerate` asks a question again: the last one, or the
 * last of those that stay. `earlier`: the texts of the user's turns that a front end shows before `input`. `question`:
 * the id under which the front end knows `input`.
 */
export type TurnRequest =
  | {
      readonly type: "turn";
      readonly input: UserMessage["content"];
      readonly keep?: KeptHistory | undefined;
      readonly earlier?: readonly string[] | undefined;
      readonly question?: string | undefined;
    }
  /** A front end that sends its conversation repeats results that the session has. */
  | ({ readonly type: "answers" } & CallAnswers)
  | { readonly type: "regenerate"; readonly keep?: KeptHistory | undefined };
