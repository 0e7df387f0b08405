/** The facts of a reply that are not in its chunks, in the log of a run without a session. */

import type { AssistantMessage } from "../../contract/message.ts";
import type { StepFacts } from "./log.ts";

/** Returns the parts of a complete reply that its chunks do not have. */
export function factsOf(reply: AssistantMessage): StepFacts {
  const {
    role: _role,
    content: _content,
    reasoning: _reasoning,
    toolCalls: _calls,
    citations: _cited,
    ...rest
  } = reply;
  const { unfinishedToolCalls: _unfinished, media: _media, providerToolCalls: _run, steps: _steps, ...more } = rest;
  const { interrupted: _interrupted, output: _output, raw: _raw, ...facts } = more;
  return facts;
}

/** Returns the complete reply whose chunks made `folded`. */
export function withFacts(folded: AssistantMessage, facts: StepFacts): AssistantMessage {
  const { interrupted: _interrupted, estimatedUsage: _estimate, ...reply } = folded;
  return { ...reply, ...facts };
}
