/** Every store obeys every law of `SessionStore`. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStore } from "cloudllm";
import { FileStore } from "cloudllm/store/file";
import { type StoreSubject, storeSuite } from "cloudllm/testing";
import { describe, test } from "vitest";

const IN_MEMORY = "it lives in one process";
const ON_A_DISK = "its folder cannot be unplugged here; test/store has tests with full disks, broken links and kills";

const SUBJECTS: Readonly<Record<string, StoreSubject>> = {
  "the memory store": {
    open: () => ({ store: new MemoryStore() }),
    cannot: { other: IN_MEMORY, cut: IN_MEMORY, lostAnswers: IN_MEMORY, expiry: IN_MEMORY },
  },
  "the file store": {
    open() {
      const folder = mkdtempSync(join(tmpdir(), "cloudllm-suite-"));
      return {
        store: new FileStore(folder),
        other: new FileStore(folder),
        dispose: () => rmSync(folder, { recursive: true, force: true }),
      };
    },
    leaseMs: 300,
    cannot: { cut: ON_A_DISK, lostAnswers: ON_A_DISK, expiry: ON_A_DISK },
  },
};

describe.each(Object.entries(SUBJECTS))("%s", (_name, subject) => {
  for (const { name, skip, run } of storeSuite(subject)) test.skipIf(skip !== undefined)(name, run);
});
