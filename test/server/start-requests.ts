/** Requests to a relay, as it reads them. */

import { expect } from "vitest";
import type { UserMessage } from "../../src/contract/message.ts";
import { native } from "../../src/dialects/native/dialect.ts";
import { Refusal } from "../../src/dialects/refusal.ts";
import { policyOf } from "../../src/server/policy/policy.ts";
import type { PolicyOptions } from "../../src/server/policy/policy-options.ts";
import { jsonBodyOf } from "../../src/server/request/request-body.ts";
import { signerOf } from "../../src/server/request/signature.ts";
import { type CheckedStart, checkedStartOf } from "../../src/server/request/start-request.ts";

export const RUN: string = "r".repeat(22);

export const HELLO: readonly UserMessage[] = [{ role: "user", content: "Hello" }];

export const SECRET: string = "s".repeat(32);

export interface Setting {
  readonly options?: Partial<PolicyOptions>;
  readonly sessions?: boolean;
  readonly user?: string;
  readonly toolNames?: readonly string[];
}

export async function started(
  body: unknown,
  { options = {}, sessions: hasSessions = false, user = "ann", toolNames = [] }: Setting = {},
  init: RequestInit & { duplex?: "half" } = {},
): Promise<CheckedStart> {
  const request = new Request("https://relay.example/", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...init,
  });
  const policy = policyOf({ authorize: "public", ...options }, { hasSessions });
  const signer = policy.secret === undefined ? undefined : signerOf(policy.secret);
  const sent = await jsonBodyOf(request, policy.limits);
  const { request: asked } = await native.startOf(sent, request.headers, { user, history: policy.history });
  return checkedStartOf(asked, { policy, user, signer, toolNames });
}

export async function refusal(...call: Parameters<typeof started>): Promise<string> {
  const error = await started(...call).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Refusal);
  const { status, message: text } = error as Refusal;
  expect(text).toMatch(/\.$/);
  return `${status} ${text}`;
}

export const body = (fields: object = {}): Record<string, unknown> => ({ run: RUN, messages: HELLO, ...fields });
