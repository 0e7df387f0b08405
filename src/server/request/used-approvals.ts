/**
 * The approvals of conversations that a browser keeps. A signed call can be sent again with its approval, and each
 * approval lets its call run once.
 */

import { SendError } from "../../contract/errors.ts";
import type { CallApproval } from "../../dialects/native/wire.ts";
import { Refusal } from "../../dialects/refusal.ts";
import type { ReplyLog, RunHead } from "../log/log.ts";
import { within } from "../log/log-deadline.ts";
import type { SignedOrigin } from "./signature.ts";
import type { CheckedStart } from "./start-request.ts";

/** A signed call may be allowed for so long, in milliseconds. As long as that, its approval is remembered. */
const APPROVAL_MS = 86_400_000;

/** Approvals that one process remembers. */
const MAX_REMEMBERED = 100_000;

/** A log that does not answer for so long has failed, in milliseconds. */
const PATIENCE_MS = 1_000;

/** The numbers of a run that an approval names in the log: before it begins, and after. */
const CLAIMED = 1;
const BEGUN = 2;

/** The parts of a relay that this needs. */
interface Parts {
  readonly log: ReplyLog;
  readonly onError: (error: SendError, run: RunHead) => void;
}

/** Approvals, and the run that has asked for them. */
interface Asked {
  readonly approvals: readonly CallApproval[];
  readonly askedBy: SignedOrigin;
}

/** Returns the approvals of a request; `undefined` when it lets nothing run. Denials are not remembered. */
export function approvalsIn({ turn }: CheckedStart): Asked | undefined {
  if (turn.type !== "messages" || !turn.askedBy) return undefined;
  const approvals = (turn.approvals ?? []).filter(({ approved }) => approved);
  return approvals.length === 0 ? undefined : { approvals, askedBy: turn.askedBy };
}

/** Remembers which approvals have been used: in this process, and in the log, for the others. */
export class UsedApprovals {
  readonly #parts: Parts;
  /** By the name of the call: the run that the approval is for, and when the call was signed. */
  readonly #used = new Map<string, { readonly by: string; readonly at: number; readonly hasBegun?: true }>();
  /** Calls that were signed by then may have been forgotten. */
  #forgottenAt = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Checks approvals without using them, as far as this process knows them.
   * @throws {Refusal} 409 when the calls were signed too long ago, or one of them was allowed for another run
   */
  check(run: RunHead, { approvals, askedBy }: Asked): void {
    if (askedBy.at <= Math.max(Date.now() - APPROVAL_MS, this.#forgottenAt)) {
      throw new Refusal(409, "invalidRequest", "The tool call was made too long ago to be allowed. Ask again.");
    }
    for (const { toolCallId } of approvals) {
      const used = this.#used.get(nameOf(run, askedBy, toolCallId));
      if (used && (used.hasBegun || used.by !== run.id)) throw usedBefore(toolCallId);
    }
  }

  /**
   * Uses approvals for a run, which may use them again until it begins.
   * @throws {Refusal} 409 as `check`, also when another process has used one
   */
  async use(run: RunHead, asked: Asked): Promise<void> {
    this.#forget();
    this.check(run, asked);
    const { approvals, askedBy } = asked;
    const names = approvals.map(({ toolCallId }) => [toolCallId, nameOf(run, askedBy, toolCallId)] as const);
    for (const [, name] of names) this.#used.set(name, { by: run.id, at: askedBy.at });
    for (const [id, name] of names) if (!(await this.#isFirst(name, run))) throw usedBefore(id);
  }

  /** Notes that the run begins: the log may forget it sooner than its approvals expire. Does not wait for the log. */
  begins(run: RunHead, { approvals, askedBy }: Asked): void {
    for (const { toolCallId } of approvals) {
      const name = nameOf(run, askedBy, toolCallId);
      this.#used.set(name, { by: run.id, at: askedBy.at, hasBegun: true });
      this.#parts.log.setLatestRun(name, { run: run.id, number: BEGUN }).catch((cause: unknown) => {
        const message = "The log does not answer: another process may take an approval that has been used.";
        this.#parts.onError(new SendError("storage", message, { cause }), run);
      });
    }
  }

  /** Resolves with whether the approval has begun no run, and is for no other one, as far as the log says. */
  async #isFirst(name: string, run: RunHead): Promise<boolean> {
    const { log, onError } = this.#parts;
    try {
      if (await within(log.setLatestRun(name, { run: run.id, number: CLAIMED }), PATIENCE_MS)) return true;
      const latest = await within(log.latestRun(name), PATIENCE_MS);
      return latest?.run === run.id && latest.number === CLAIMED;
    } catch (cause) {
      const message = "The log does not answer: approvals that other processes have used are unknown.";
      onError(new SendError("storage", message, { cause }), run);
      return true;
    }
  }

  /** The oldest come first. */
  #forget(): void {
    const now = Date.now();
    for (const [name, { at }] of this.#used) {
      const isExpired = now - at > APPROVAL_MS;
      if (!isExpired && this.#used.size < MAX_REMEMBERED) return;
      if (!isExpired) this.#forgottenAt = Math.max(this.#forgottenAt, at);
      this.#used.delete(name);
    }
  }
}

/** No chat has a name with a second slash. */
function nameOf({ owner }: RunHead, { run }: SignedOrigin, toolCallId: string): string {
  return `${encodeURIComponent(owner)}/${run}/${toolCallId}`;
}

function usedBefore(toolCallId: string): Refusal {
  return new Refusal(409, "invalidRequest", `The tool call ${toolCallId} was allowed before, and may have run.`);
}
