/** The contract of `ClientWrapper` as cases that any test runner can run. */

import { checkArgument } from "../../contract/argument.ts";
import { type LawCase, lawCases } from "../law-case.ts";
import { stoppingCases } from "./aborting.ts";
import { flowingCases } from "./backpressure.ts";
import { type Bench, type CaseDefinition, within } from "./case.ts";
import { endingCases } from "./ending.ts";
import { failingCases } from "./failing.ts";
import { inputCases } from "./input.ts";
import { metricsCases } from "./metrics.ts";
import { nonStreamedCases } from "./non-streamed.ts";
import { openingCases } from "./opening.ts";
import { readingCases } from "./reading.ts";
import { replayingCases } from "./replaying.ts";
import type { Ability, ContractSubject, OpenedSubject } from "./subject.ts";
import { timeoutCases } from "./timeouts.ts";
import { truncationCases } from "./truncation.ts";

const CASES: readonly CaseDefinition[] = [
  ...openingCases,
  ...endingCases,
  ...truncationCases,
  ...failingCases,
  ...stoppingCases,
  ...flowingCases,
  ...nonStreamedCases,
  ...replayingCases,
  ...readingCases,
  ...inputCases,
  ...metricsCases,
  ...timeoutCases,
];

/**
 * Returns the laws of `ClientWrapper` as test cases, for any client, wrapper or fake. The cases call the client that
 * `open` returns in every way, and compare its replies with the scripts.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { CompatibleClient } from "cloudllm";
 * import { contractSuite, startProviderServer } from "cloudllm/testing";
 *
 * const cases = contractSuite({
 *   async open(scripts) {
 *     const server = await startProviderServer(scripts);
 *     return {
 *       client: new CompatibleClient({ model: "any", baseUrl: server.baseUrl }),
 *       requests: () => server.requests.length,
 *       closed: async (call) => (await server.request(call)).closed,
 *       sent: (call) => server.requests[call]?.sent.packets ?? 0,
 *       dispose: () => server.close(),
 *     };
 *   },
 * });
 * for (const { name, skip, run } of cases) test(name, { skip: skip ?? false }, run);
 * ```
 */
export function contractSuite(subject: ContractSubject): readonly LawCase[] {
  checkArgument("subject", subject, { open: "function" });
  return lawCases(CASES, subject.cannot, (definition) => runCase(definition, subject));
}

async function runCase({ name, run }: CaseDefinition, subject: ContractSubject): Promise<void> {
  const opened: OpenedSubject[] = [];
  const bench: Bench = {
    readAhead: subject.readAhead ?? 640,
    async open(...scripts) {
      const each = await subject.open(scripts);
      opened.push(each);
      return {
        client: each.client,
        requests: each.requests?.bind(each) ?? unseen("requests"),
        closed: each.closed?.bind(each) ?? unseen("closing"),
        sent: each.sent?.bind(each) ?? unseen("sent"),
        dispose: () => undefined,
      };
    },
  };
  try {
    await within(subject.timeoutMs ?? 10_000, run(bench), name);
  } finally {
    for (const each of opened) await each.dispose?.();
  }
}

function unseen(ability: Ability): () => never {
  return () => {
    throw new TypeError(
      `The subject does not show this: let \`open\` return it, or give a reason in \`cannot.${ability}\`.`,
    );
  };
}
