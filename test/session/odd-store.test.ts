/** A store that returns no array is told what to return. */

import { LLMSession, SendError, type SessionStore } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { expect, test } from "vitest";

test.each<[string, unknown]>([
  ["undefined", undefined],
  ["null", null],
  ["an object", { records: [] }],
  ['"[]"', "[]"],
])("`load` returned %s", async (received, records) => {
  const store: SessionStore = {
    append: async () => undefined,
    load: async () => records as [],
    list: async () => ({ sessions: [] }),
  };
  const expected = {
    kind: "storage",
    message: `The store of the session failed: \`load\` must return an array of records. Received ${received}.`,
  };
  for (const read of [
    () => LLMSession.open({ client: scriptedClient([]), store, id: "a" }),
    () => LLMSession.peek({ store, id: "a" }),
  ]) {
    const error: unknown = await read().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject(expected);
  }
});
