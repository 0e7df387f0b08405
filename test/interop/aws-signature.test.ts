/** Signatures of AWS are those of aws4fetch, for the addresses and bodies of Bedrock. */

import { existsSync } from "node:fs";
import { awsSigner } from "cloudllm";
import { expect, test } from "vitest";

const LIBRARY = new URL("node_modules/aws4fetch/dist/aws4fetch.esm.mjs", import.meta.url);
const missing = existsSync(LIBRARY) ? undefined : "aws4fetch is not installed: npm ci --prefix test/interop";

/** The part of the library that is used here. */
interface Aws4Fetch {
  readonly AwsV4Signer: new (
    options: Readonly<Record<string, unknown>>,
  ) => { sign(): Promise<{ readonly headers: Headers }> };
}

const CREDENTIALS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const AT = Date.UTC(2026, 10, 29, 20, 5, 9);

const HOST = "https://bedrock-runtime.eu-central-1.amazonaws.com";
const REQUESTS: readonly (readonly [string, "GET" | "POST", string, string | undefined])[] = [
  [
    `${HOST}/anthropic/v1/messages`,
    "POST",
    '{"model":"m","messages":[{"role":"user","content":"Grüße 👋"}]}',
    "token/+=",
  ],
  [`${HOST}/openai/v1/responses`, "POST", "{}", undefined],
  [`${HOST}/model/anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke`, "POST", "{}", undefined],
  [`${HOST}/openai/v1/responses/r?stream=true&starting_after=3&a=1&A=%20x&a=0`, "GET", "", undefined],
  ["https://localhost:8443/v1/a!b'(c)*/ü", "POST", " ", undefined],
];

test.skipIf(missing)(missing ?? "aws4fetch signs the same requests in the same way", async () => {
  const { AwsV4Signer } = (await import(LIBRARY.href)) as Aws4Fetch;
  for (const [url, method, body, sessionToken] of REQUESTS) {
    const credentials = { ...CREDENTIALS, sessionToken };
    const scope = { region: "eu-central-1", service: "bedrock" };
    const headers = { "content-type": "application/json" };
    const ours = await awsSigner({ ...scope, credentials, now: () => AT })({ method, url, headers, body });
    const signer = new AwsV4Signer({
      ...scope,
      ...credentials,
      url,
      method,
      headers,
      body: body === "" ? undefined : body,
      datetime: "20261129T200509Z",
      allHeaders: true,
    });
    const { headers: theirs } = await signer.sign();
    expect(ours.authorization, url).toBe(theirs.get("authorization"));
    expect(ours["x-amz-date"]).toBe(theirs.get("x-amz-date"));
    expect(ours["x-amz-security-token"] ?? null).toBe(theirs.get("x-amz-security-token"));
  }
});
