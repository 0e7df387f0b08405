/** What the run saw, as the table of `docs/reliability.md`. */

import type { Fault, Section } from "./fault.ts";
import { TRANSPORTS, type TransportName } from "./scene.ts";
import { SPEAKERS } from "./speakers/index.ts";
import type { Speaker } from "./speakers/speaker.ts";

const BEGIN = "<!-- The table of faults: written by `npx vitest run test/faults -u`, not by hand. -->";
const END = "<!-- End of the table of faults. -->";

export class Outcomes {
  readonly #seen = new Map<string, string>();

  note(fault: Fault, speaker: Speaker, transport: TransportName, outcome: string): void {
    this.#seen.set(nameOf(fault, speaker, transport), outcome);
  }

  /** Whether every fault that can be run has been. */
  areAll(sections: readonly Section[]): boolean {
    return sections.every(({ faults }) =>
      faults.every((fault) =>
        SPEAKERS.every((speaker) =>
          TRANSPORTS.every(
            (transport) =>
              exclusionOf(fault, speaker) !== undefined || this.#seen.has(nameOf(fault, speaker, transport)),
          ),
        ),
      ),
    );
  }

  /** The same document with the table of this run in it; at its end where it had none. */
  within(document: string, sections: readonly Section[]): string {
    const table = `${BEGIN}\n\n${sections.map((section) => this.#tableOf(section)).join("\n\n")}\n\n${END}`;
    const begin = document.indexOf(BEGIN);
    const end = document.indexOf(END);
    if (begin < 0 || end < begin) return `${document.trimEnd()}\n\n${table}\n`;
    return document.slice(0, begin) + table + document.slice(end + END.length);
  }

  #tableOf({ number, title, faults }: Section): string {
    const names = SPEAKERS.map(({ protocol }) => protocol);
    const head = [`| ${[`${number}. ${title}`, ...names].join(" | ")} |`, `|${"---|".repeat(names.length + 1)}`];
    const rows = faults.map((fault) => {
      const cells = SPEAKERS.map((speaker) => this.#cellOf(fault, speaker));
      return `| ${[`**${fault.id}** ${fault.title}`, ...cells].join(" | ")} |`;
    });
    return [`### ${number}. ${title}`, "", ...head, ...rows].join("\n");
  }

  #cellOf(fault: Fault, speaker: Speaker): string {
    const why = exclusionOf(fault, speaker);
    if (why !== undefined) return `*${why}*`;
    const [onNode = "", onFetch = ""] = TRANSPORTS.map((transport) =>
      this.#seen.get(nameOf(fault, speaker, transport)),
    );
    return onNode === onFetch ? onNode : `node:http: ${onNode}; fetch: ${onFetch}`;
  }
}

/** Why a fault is not run in a wire format, if it is not. */
export function exclusionOf({ later, except, run }: Fault, { protocol }: Speaker): string | undefined {
  return later ?? except?.[protocol] ?? (run ? undefined : "not run");
}

function nameOf({ id }: Fault, { protocol }: Speaker, transport: TransportName): string {
  return `${id} ${protocol} ${transport}`;
}
