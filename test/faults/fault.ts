/** What a row of the table is. */

import type { LogName } from "./logs.ts";
import type { Scene } from "./scene.ts";
import type { Speaker } from "./speakers/speaker.ts";

/** Something the network, a provider or the caller may do to one reply. */
export interface Fault {
  /** Section and number. */
  readonly id: string;
  /** As a sentence that ends in "→", in the table. */
  readonly title: string;
  /** Why it cannot happen in a wire format. */
  readonly except?: Partial<Readonly<Record<Speaker["protocol"], string>>>;
  /** The logs on which it is tried; absent where there is no relay. */
  readonly logs?: readonly LogName[];
  /** Why it is not run at all. */
  readonly later?: string;
  /** Whether it must not run beside others: it stops the clock for all of them, or keeps the process busy. */
  readonly isAlone?: boolean;
  /** Whether it costs seconds and is the same for every client of a wire format: it is not tried on clouds. */
  readonly isOfFormat?: boolean;
  /** Makes it happen, throws when the library fails, and says in a few words how it ended. */
  run?(scene: Scene): Promise<string>;
}

/** Sections of the table. */
export interface Section {
  readonly number: number;
  readonly title: string;
  readonly faults: readonly Fault[];
}

/** Where the words are the protocol's own, there is nothing to try elsewhere. */
export function onlyIn(
  protocol: Speaker["protocol"],
  why: string,
): Partial<Readonly<Record<Speaker["protocol"], string>>> {
  const all: readonly Speaker["protocol"][] = [
    "Chat Completions",
    "Anthropic Messages",
    "OpenAI Responses",
    "Gemini",
    "Ollama",
  ];
  return Object.fromEntries(all.filter((name) => name !== protocol).map((name) => [name, why]));
}
