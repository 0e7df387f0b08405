/** The laws of `SessionStore` as cases that any test runner can run. */

import { checkArgument } from "../contract/argument.ts";
import { within } from "./contract/case.ts";
import { type LawCase, lawCases } from "./law-case.ts";
import type { OpenedStore, StoreAbility, StoreBench, StoreCaseDefinition, StoreSubject } from "./store/case.ts";
import { claimingCases } from "./store/claiming.ts";
import { failingCases } from "./store/failing.ts";
import { keepingCases } from "./store/keeping.ts";
import { listingCases } from "./store/listing.ts";

const CASES: readonly StoreCaseDefinition[] = [...keepingCases, ...listingCases, ...claimingCases, ...failingCases];

const DEFAULT_TIMEOUT_MS = 50_000;
const DEFAULT_LEASE_MS = 15_000;

/**
 * Returns the laws of `SessionStore` as test cases, for any store. Each case opens a new, empty place and works on it
 * with one store or two, as one process or two would.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { MemoryStore } from "cloudllm";
 * import { storeSuite } from "cloudllm/testing";
 *
 * const inMemory = "it lives in one process";
 * const cases = storeSuite({
 *   open: () => ({ store: new MemoryStore() }),
 *   cannot: { other: inMemory, cut: inMemory, lostAnswers: inMemory, expiry: inMemory },
 * });
 * for (const { name, skip, run } of cases) test(name, { skip: skip ?? false }, run);
 * ```
 */
export function storeSuite(subject: StoreSubject): readonly LawCase[] {
  checkArgument("subject", subject, { open: "function" });
  return lawCases(CASES, subject.cannot, (definition) => runCase(definition, subject));
}

async function runCase({ name, run }: StoreCaseDefinition, subject: StoreSubject): Promise<void> {
  const opened = await subject.open();
  try {
    await within(subject.timeoutMs ?? DEFAULT_TIMEOUT_MS, run(benchOf(opened, subject)), name);
  } finally {
    await opened.dispose?.();
  }
}

function benchOf(opened: OpenedStore, { leaseMs = DEFAULT_LEASE_MS }: StoreSubject): StoreBench {
  const { store } = opened;
  return {
    store: fullStore(store),
    get other() {
      return opened.other ? fullStore(opened.other) : missing("other");
    },
    secrets: opened.secrets ?? [],
    leaseMs,
    cut: () => (opened.cut ? opened.cut() : missing("cut")),
    loseAnswers: () => (opened.loseAnswers ? opened.loseAnswers() : missing("lostAnswers")),
    reconnect: () => (opened.reconnect ? opened.reconnect() : missing("cut")),
  };
}

function fullStore(store: OpenedStore["store"]): StoreBench["store"] {
  return {
    append: (id, records) => store.append(id, records),
    load: (id) => store.load(id),
    list: (options) => store.list(options),
    claim: async (id) => store.claim?.(id),
    release: async (id) => store.release?.(id),
    replace: (id, records) => store.replace?.(id, records) ?? missing("replace"),
    delete: (id) => store.delete?.(id) ?? missing("delete"),
  };
}

function missing(ability: StoreAbility): never {
  throw new TypeError(`The store lacks this: let \`open\` return it, or give a reason in \`cannot.${ability}\`.`);
}
