/** What the run saw, as the table of `docs/reliability.md`. */

import { SECTIONS } from "./cases/index.ts";
import type { Fault, Section } from "./fault.ts";
import { LOGS, type LogName } from "./logs.ts";
import { TRANSPORTS, type TransportName } from "./scene.ts";
import { SPEAKERS } from "./speakers/index.ts";
import type { Speaker } from "./speakers/speaker.ts";

const BEGIN = "<!-- The table of faults: written by `npx vitest run test/faults -u`, not by hand. -->";
const END = "<!-- End of the table of faults. -->";

/** One way in which a fault is tried on a wire format. */
export interface Variant {
  readonly transport: TransportName;
  readonly log: LogName | undefined;
}

/** The ways in which a fault is tried on each wire format. */
export function variantsOf({
  logs = [undefined],
}: {
  readonly logs?: Fault["logs"] | readonly [undefined];
}): Variant[] {
  return logs.flatMap((log) => TRANSPORTS.map((transport) => ({ transport, log })));
}

/** The document with a table between two comments; at its end where it had none. */
export function withTable(document: string, from: string, text: string, to: string): string {
  const table = `${from}\n\n${text}\n\n${to}`;
  const begin = document.indexOf(from);
  const end = document.indexOf(to);
  if (begin < 0 || end < begin) return `${document.trimEnd()}\n\n${table}\n`;
  return document.slice(0, begin) + table + document.slice(end + to.length);
}

/** What the table of a document says of a fault in a wire format over `node:http`, without a log. */
export function documented(document: string, id: string, protocol: Speaker["protocol"]): string | undefined {
  const row = document.split("\n").find((line) => line.startsWith(`| **${id}** `));
  const cell = row?.split(" | ").at(SPEAKERS.findIndex((speaker) => speaker.protocol === protocol) + 1);
  const whole = cell?.replace(/ \|$/, "");
  return /(?:^|; )node:http: (.*?)(?:; fetch: |$)/.exec(whole ?? "")?.[1] ?? whole;
}

/** The table of a section as a document has it; empty where there is none. */
function writtenIn(document: string, { number }: Section): string {
  const table = new RegExp(`^### ${number}\\. .*\\n\\n(?:\\|.*\\n)*`, "m").exec(document);
  return table?.[0].trimEnd() ?? "";
}

export class Outcomes {
  readonly #seen = new Map<string, string>();

  note(fault: Fault, speaker: Speaker, variant: Variant, outcome: string): void {
    this.#seen.set(nameOf(fault, speaker, variant), outcome);
  }

  /** Whether every fault that can be run has been. */
  areAll(sections: readonly Section[]): boolean {
    return sections.every(({ faults }) =>
      faults.every((fault) =>
        SPEAKERS.every((speaker) =>
          variantsOf(fault).every(
            (variant) => exclusionOf(fault, speaker) !== undefined || this.#seen.has(nameOf(fault, speaker, variant)),
          ),
        ),
      ),
    );
  }

  /** The same document with the tables of these sections in it; at its end where it had none. Other tables stay. */
  within(document: string, sections: readonly Section[]): string {
    const tables = SECTIONS.map((section) =>
      sections.includes(section) ? this.#tableOf(section) : writtenIn(document, section),
    );
    return withTable(document, BEGIN, tables.filter((table) => table !== "").join("\n\n"), END);
  }

  #tableOf({ number, title, faults }: Section): string {
    const names = SPEAKERS.map(({ protocol }) => protocol);
    const head = [`| ${[`${number}. ${title}`, ...names].join(" | ")} |`, `|${"---|".repeat(names.length + 1)}`];
    const rows = faults.map((fault) => {
      const cells = SPEAKERS.map((speaker) => this.#cellOf(fault, speaker));
      const isEverywhere = !fault.logs || fault.logs.length === LOGS.length;
      const logs = isEverywhere ? "" : ` (${fault.logs?.join(", ")})`;
      return `| ${[`**${fault.id}** ${fault.title}${logs}`, ...cells].join(" | ")} |`;
    });
    return [`### ${number}. ${title}`, "", ...head, ...rows].join("\n");
  }

  #cellOf(fault: Fault, speaker: Speaker): string {
    const why = exclusionOf(fault, speaker);
    if (why !== undefined) return `*${why}*`;
    const variants = variantsOf(fault).map((variant) => ({
      ...variant,
      outcome: this.#seen.get(nameOf(fault, speaker, variant)) ?? "",
    }));
    const outcomes = [...new Set(variants.map(({ outcome }) => outcome))];
    const [only = ""] = outcomes;
    if (outcomes.length === 1) return only;
    // What does not depend on the transport is said of the log.
    const isOfLog = variants.every(({ log, outcome }) =>
      variants.every((other) => other.log !== log || other.outcome === outcome),
    );
    const isOfTransport = variants.every(({ transport, outcome }) =>
      variants.every((other) => other.transport !== transport || other.outcome === outcome),
    );
    const labelOf = ({ transport, log }: Variant): string =>
      isOfTransport ? transport : isOfLog ? `${log}` : `${log} over ${transport}`;
    return outcomes
      .map((each) => {
        const labels = variants.filter(({ outcome }) => outcome === each).map(labelOf);
        return `${[...new Set(labels)].join(", ")}: ${each}`;
      })
      .join("; ");
  }
}

/** Why a fault is not run in a wire format, if it is not. */
export function exclusionOf({ later, except, run }: Fault, { protocol }: Speaker): string | undefined {
  return later ?? except?.[protocol] ?? (run ? undefined : "not run");
}

function nameOf({ id }: Fault, { protocol }: Speaker, { transport, log }: Variant): string {
  return `${id} ${protocol} ${transport} ${log ?? ""}`;
}
