/** The command line at a company's cloud without a key: with the identity that the cloud gives. */

import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProviderServer } from "cloudllm/testing";
import { afterAll, expect, test } from "vitest";
import { startIssuer } from "../credentials/issuer.ts";
import { command } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "cloudllm-cli-clouds-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

async function asked(provider: string, path: string, more: readonly string[], env: Readonly<Record<string, string>>) {
  await using server = await startProviderServer([{ text: "Hello" }]);
  const args = ["--provider", provider, "--base-url", server.origin + path, ...more, "Hi"];
  const { stdout, stderr, code } = await command(args, { env });
  expect(stderr).not.toContain("cloudllm:");
  expect([stdout, code]).toEqual(["Hello\n", 0]);
  return server.requests[0]?.headers ?? {};
}

test("Vertex gets a token of the Application Default Credentials", async () => {
  await using issuer = await startIssuer({ body: { access_token: "ya29.of-adc", expires_in: 3_599 } });
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const key = {
    type: "service_account",
    client_email: "me@p.iam",
    private_key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    token_uri: issuer.origin,
  };
  const headers = await asked("vertex", "", ["--model", "gemini-3.5-flash-lite"], {
    GOOGLE_APPLICATION_CREDENTIALS: written("key.json", JSON.stringify(key)),
    GOOGLE_CLOUD_PROJECT: "p",
    GOOGLE_API_KEY: "a-key-of-another-service",
  });
  expect(headers.authorization).toBe("Bearer ya29.of-adc");
  expect(headers["x-goog-api-key"]).toBeUndefined();
});

test("Azure gets a token of the identity that the environment names", async () => {
  await using issuer = await startIssuer({ body: { access_token: "ey.managed", expires_in: 3_599 } });
  const env = { IDENTITY_ENDPOINT: `${issuer.origin}/token`, IDENTITY_HEADER: "secret" };
  const headers = await asked("azure", "/openai/v1", ["--model", "gpt-6-luna"], env);
  expect(headers.authorization).toBe("Bearer ey.managed");
});

test("Bedrock's requests are signed with the keys of a profile", async () => {
  const text = "[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = secret\n";
  const env = {
    AWS_SHARED_CREDENTIALS_FILE: written("credentials", text),
    AWS_PROFILE: "work",
    AWS_REGION: "eu-west-1",
  };
  const headers = await asked("bedrock", "/openai/v1", ["--model", "openai.gpt-6-luna"], env);
  expect(headers.authorization).toContain("Credential=AKIAWORK/");
});

test("a cloud without any identity says what is missing", async () => {
  const azure = ["--provider", "azure", "--base-url", "https://res.openai.azure.com/openai/v1", "--model", "m", "Hi"];
  const { stderr, code } = await command(azure);
  expect(code).toBe(1);
  expect(stderr).toContain("AZURE_OPENAI_API_KEY");
});
