import assert from "node:assert/strict";
import type { ClientWrapper } from "cloudllm";
import {
  type ContractSubject,
  contractSuite,
  type LawCase,
  type ScriptedClient,
  scriptedClient,
} from "cloudllm/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHUNK_BREAKAGES } from "./broken-chunks.ts";
import { REPLY_BREAKAGES } from "./broken-replies.ts";

/** The scripted client, bent. Only what it does is bent; what can be seen of it is the truth. */
function subjectOf(bend: (client: ScriptedClient) => Partial<ClientWrapper>): ContractSubject {
  return {
    open(scripts) {
      const good = scriptedClient(scripts);
      const { provider, model, sendMessage, sendMessageStream } = good;
      return {
        client: { provider, model, sendMessage, sendMessageStream, ...bend(good) },
        requests: () => good.calls.length,
        closed: async (call) => good.calls[call]?.closed ?? new Promise(() => {}),
        sent: (call) => good.calls[call]?.chunks ?? 0,
      };
    },
    readAhead: 1,
    timeoutMs: 600,
  };
}

async function failuresOf(cases: readonly LawCase[]): Promise<readonly string[]> {
  const outcomes = await Promise.allSettled(cases.map(({ run }) => run()));
  return cases.filter((_case, index) => outcomes[index]?.status === "rejected").map(({ name }) => name);
}

// That it passes when nothing is broken is what contract/scripted.test.ts shows.
describe("the contract suite can fail", () => {
  // Some of these clients leave rejections behind, which is what the suite has to find; the test runner must not.
  const watchers = process.listeners("unhandledRejection");
  beforeAll(() => void process.removeAllListeners("unhandledRejection").on("unhandledRejection", () => {}));
  afterAll(() => {
    process.removeAllListeners("unhandledRejection");
    for (const watcher of watchers) process.on("unhandledRejection", watcher);
  });

  test.each([...CHUNK_BREAKAGES, ...REPLY_BREAKAGES])("it finds a client that $what", async ({ bend, noticedBy }) => {
    // Cases that wait for real clocks are left out where they are not the point.
    const cases = contractSuite(subjectOf(bend)).filter(
      ({ name }) => !name.startsWith("timeouts") || noticedBy.some((part) => name.includes(part)),
    );
    const failures = await failuresOf(cases);
    for (const part of noticedBy) expect(failures).toContainEqual(expect.stringContaining(part));
    expect(failures.length, "one broken rule is not a broken client").toBeLessThan(cases.length / 2);
  });
});

describe("the contract suite says what it cannot check", () => {
  const subject: ContractSubject = { open: (scripts) => ({ client: scriptedClient(scripts) }) };

  test("a case that is not applicable is marked, named with the reason, and fails when it is run nevertheless", async () => {
    const cases = contractSuite({ ...subject, cannot: { closing: "it has no connection" } });
    const skipped = cases.filter(({ skip }) => skip !== undefined);
    expect(skipped.length).toBeGreaterThan(5);
    for (const { name, skip, run } of skipped) {
      expect(skip).toBe("closing: it has no connection");
      expect(name).toContain("[not applicable: closing: it has no connection]");
      await expect(run()).rejects.toThrow("not applicable");
    }
  });

  test("a subject that hides what a case needs, without a reason, fails it with advice", async () => {
    const found = contractSuite(subject).find(({ name }) => name.includes("break closes the connection"));
    assert.ok(found);
    await expect(found.run()).rejects.toThrow("give a reason in `cannot.closing`");
  });

  test("a case disposes of what it opened, also when it fails", async () => {
    let open = 0;
    const counting: ContractSubject = {
      open(scripts) {
        open += 1;
        return { client: scriptedClient(scripts.slice(1)), requests: () => 0, dispose: () => void open-- };
      },
      timeoutMs: 300,
    };
    expect((await failuresOf(contractSuite(counting))).length).toBeGreaterThan(50);
    expect(open).toBe(0);
  });

  test("every case has a name of its own", () => {
    const names = contractSuite(subject).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
