/** Requests of the clients of clouds, recorded in place of a network. */

import { type ClientOptions, type FetchLike, type ProviderClient, SendError } from "cloudllm";
import { afterEach, beforeEach, expect, vi } from "vitest";

export const HI = [{ role: "user", content: "hi" }] as const;

/** A request. */
export interface Sent {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Returns a `fetch` that records requests and refuses them with the answers in turn. */
export function recorder(...answers: readonly (() => Response)[]): {
  readonly sent: Sent[];
  readonly fetch: FetchLike;
} {
  const sent: Sent[] = [];
  const fetch: FetchLike = async (url, init) => {
    const headers = init.headers as Readonly<Record<string, string>>;
    sent.push({ url, headers, body: JSON.parse(String(init.body)) as Sent["body"] });
    return (answers[sent.length - 1] ?? (() => new Response("{}", { status: 400 })))();
  };
  return { sent, fetch };
}

/** Returns the failure of a call. */
export async function failureOf(client: ProviderClient, stream = false): Promise<SendError> {
  const call = stream ? client.sendMessageStream(HI).then((reply) => reply.finalMessage()) : client.sendMessage(HI);
  const failure: unknown = await call.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SendError);
  return failure as SendError;
}

/** Returns the first request of a client. */
export async function sentBy(
  make: (options: Pick<ClientOptions, "fetch" | "retries">) => ProviderClient,
  stream = false,
): Promise<Sent> {
  const { sent, fetch } = recorder();
  await failureOf(make({ fetch, retries: 0 }), stream);
  return sent[0] ?? { url: "", headers: {}, body: {} };
}

/** The machine's own variables. */
const VARIABLES =
  /^(AZURE_|AWS_|GOOGLE_|GCLOUD_|ANTHROPIC_(FOUNDRY|VERTEX|BEDROCK)_|CLOUD_ML_REGION|CLOUDLLM_(AZURE|BEDROCK|VERTEX)_)/;

/** Hides the variables of the clouds from every test of the file. Returns a function that sets some for one test. */
export function useEnvironment(): (variables: Readonly<Record<string, string>>) => void {
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (VARIABLES.test(name)) vi.stubEnv(name, undefined);
  });
  afterEach(() => void vi.unstubAllEnvs());
  return (variables) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  };
}
