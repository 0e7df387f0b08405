/** Bad input is refused before anything is sent. */

import assert from "node:assert/strict";
import { SendError } from "../../contract/errors.ts";
import type { Message } from "../../contract/message.ts";
import type { SendOptions } from "../../contract/options.ts";
import { type CaseDefinition, QUESTION } from "./case.ts";

/** Calls that TypeScript rejects, but JavaScript and JSON allow. */
const BAD_CALLS: readonly { readonly what: string; readonly messages?: unknown; readonly options?: unknown }[] = [
  { what: "no messages", messages: [] },
  { what: "messages that are not an array", messages: "Tell me." },
  { what: "a message that is not an object", messages: [null] },
  { what: "an unknown role", messages: [{ role: "robot", content: "Beep" }] },
  { what: "a message without a role", messages: [{ content: "Hello" }] },
  { what: "a user without content", messages: [{ role: "user" }] },
  { what: "a user with an empty array of parts", messages: [{ role: "user", content: [] }] },
  { what: "a part of an unknown type", messages: [{ role: "user", content: [{ type: "smell", of: "roses" }] }] },
  { what: "a tool's answer to no call", messages: [{ role: "tool", toolCallId: "", content: "42" }] },
  { what: "a negative limit on output", options: { maxOutputTokens: -1 } },
  { what: "a negative timeout", options: { timeouts: { idle: -1 } } },
  { what: "a timeout that is not a number", options: { timeouts: { total: Number.NaN } } },
  { what: "negative retries", options: { retries: -1 } },
  { what: "a temperature that is not a number", options: { temperature: Number.NaN } },
  { what: "a line break in a header", options: { headers: { "x-note": "a\r\nx-evil: b" } } },
];

export const inputCases: readonly CaseDefinition[] = BAD_CALLS.map(({ what, messages = QUESTION, options = {} }) => ({
  name: `input: ${what} is refused before anything is sent`,
  needs: ["requests"],
  async run({ open }) {
    const { client, requests } = await open({ text: "never" }, { text: "never" });
    for (const method of ["sendMessageStream", "sendMessage"] as const) {
      const call = async () => client[method](messages as readonly Message[], options as SendOptions);
      await assert.rejects(call, (error) => error instanceof SendError || error instanceof TypeError);
    }
    assert.equal(await requests(), 0);
  },
}));
