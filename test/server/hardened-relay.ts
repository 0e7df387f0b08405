/**
 * A relay with nothing but `authorize`, which refuses by default. Every answer is searched for what must stay on the
 * server.
 */

import { afterEach, expect } from "vitest";
import type { Message } from "../../src/contract/message.ts";
import { createRelay, memoryLog, type Relay, type RelayOptions } from "../../src/server/index.ts";
import { type ReplyScript, type ScriptedClient, scriptedClient } from "../../src/testing/index.ts";
import { post, runId } from "../support/relay.ts";

export const KEY = "sk-ant-0123456789abcdefSECRET";

export const HOST = "llm.corp.internal:8443";

const INTERNALS: readonly string[] = [
  KEY,
  HOST,
  "SECRET",
  "node_modules",
  "at Object.",
  "at async",
  ".ts:",
  "Error:",
  "acct_42",
];

export const HELLO: readonly Message[] = [{ role: "user", content: "Hello" }];

/** Every text that any relay has answered in the current test. */
export const answers: string[] = [];

/** Searches the answers of each test for what must stay on the server. Call it once per file. */
export function useLeakCheck(): void {
  afterEach(() => {
    for (const answer of answers.splice(0)) {
      for (const word of INTERNALS) expect(answer).not.toContain(word);
    }
  });
}

interface TestRelay {
  readonly client: ScriptedClient;
  readonly relay: Relay;
}

/** A relay whose users say who they are in a header, as a cookie or token would. */
export function relayOf(options: Partial<RelayOptions> = {}, script: ReplyScript = { text: ["Hel", "lo"] }): TestRelay {
  const client = scriptedClient(() => script);
  const relay = createRelay({
    client,
    authorize: ({ headers }) => {
      const user = headers.get("x-user");
      return user === null ? undefined : { user };
    },
    log: memoryLog(),
    ...options,
  });
  return { client, relay };
}

/** Answers a request of a user, and notes everything that the answer says. */
export async function answer(relay: Relay, request: Request, user: string | null = "ann"): Promise<Response> {
  if (user !== null) request.headers.set("x-user", user);
  const response = await relay.handle(request);
  answers.push(JSON.stringify([...response.headers]));
  return response;
}

export async function text(relay: Relay, request: Request, user?: string | null): Promise<string> {
  const response = await answer(relay, request, user);
  const said = await response.text();
  answers.push(said);
  return `${response.status} ${said}`;
}

export const start = (fields: object = {}, headers: Record<string, string> = {}): Request =>
  post({ run: runId(), messages: HELLO, ...fields }, "", headers);
