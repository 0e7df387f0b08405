/** Levels of thinking in the requests of programs. */

import type { ReasoningEffort } from "../../contract/options.ts";
import { badRequest } from "../refusal.ts";

const EFFORTS = ["none", "low", "medium", "high", "xhigh", "max"] as const;

/**
 * Returns the level. `minimal` is OpenAI's own; `low` is the lowest that others have.
 * @throws {Refusal} 400 when the value is not a level
 */
export function effortOf(value: unknown, subject: string): ReasoningEffort {
  if (value === "minimal") return "low";
  const effort = EFFORTS.find((level) => level === value);
  if (effort) return effort;
  throw badRequest(`${subject} must be one of minimal, ${EFFORTS.join(", ")}.`);
}
