/** A secret that is given in the wrong place, or that a provider refuses. */

import { inspect } from "node:util";
import { expect, test, vi } from "vitest";
import { azureManagedIdentity, azureWorkloadIdentity, googleApplicationDefault } from "../../src/credentials/index.ts";
import { kept } from "../../src/credentials/kept-credential.ts";
import { OpenAIClient, SendError } from "../../src/index.ts";
import { startProviderServer } from "../../src/testing/index.ts";

const SECRET = "PRIVATE-KEY-THAT-NOBODY-MAY-SEE";

async function failureOf(credential: () => Promise<unknown>): Promise<SendError> {
  try {
    await credential();
  } catch (error) {
    if (error instanceof SendError) return error;
    throw error;
  }
  throw new Error("It did not fail.");
}

test.each([
  ["the key of a service account", `{"type":"service_account","private_key":"${SECRET}"}`],
  ["a key over several lines", `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----`],
  ["a token", `eyJhbGciOi.${SECRET}`],
  ["a long text", SECRET.repeat(40)],
])("%s in place of a path is in no message", async (_what, text) => {
  vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", text);
  const error = await failureOf(googleApplicationDefault());
  expect(error.message).toContain("Give the path of a file");
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
  const token = await failureOf(azureWorkloadIdentity({ tenantId: "t", clientId: "c", tokenFile: text }));
  expect(inspect(token, { depth: 9, showHidden: true })).not.toContain(SECRET);
  vi.unstubAllEnvs();
});

test("a secret with a line break is in no message, and nothing is asked", async () => {
  vi.stubEnv("IDENTITY_ENDPOINT", "http://127.0.0.1:9/token");
  vi.stubEnv("IDENTITY_HEADER", `${SECRET}\nx`);
  const fetch = vi.fn();
  const error = await failureOf(azureManagedIdentity({ fetch }));
  expect(error).toMatchObject({ kind: "authentication", retryable: false });
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
  expect(fetch).not.toHaveBeenCalled();
  vi.unstubAllEnvs();
});

test("a token that the provider has refused is issued anew", async () => {
  const refused = { refusal: { status: 401, message: "The token is revoked." } };
  await using server = await startProviderServer([refused, { text: "Hello" }]);
  let issued = 0;
  const apiKey = kept(async () => ({ value: `token-${++issued}`, expiresAt: Date.now() + 3_600_000 }));
  const client = new OpenAIClient({ model: "m", baseUrl: server.baseUrl, apiKey });
  expect((await client.sendMessage([{ role: "user", content: "Hi" }])).content).toBe("Hello");
  expect(issued).toBe(2);
});

test("a service that hangs at the renewal holds up one call, not each", async () => {
  let time = 0;
  const issue = vi.fn(async () => ({ value: "token", expiresAt: 600_000 }));
  const credential = kept(issue, () => time);
  await credential();
  time = 400_000;
  issue.mockRejectedValue(new Error("away"));
  expect(await credential()).toBe("token");
  expect(await credential()).toBe("token");
  expect(issue).toHaveBeenCalledTimes(2);
  time += 30_000;
  await credential();
  expect(issue).toHaveBeenCalledTimes(3);
});
