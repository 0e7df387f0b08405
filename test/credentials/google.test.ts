/** Access tokens of Google Cloud: from key files, a user's login and the metadata server. */

import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VertexClient } from "cloudllm";
import { googleApplicationDefault, googleServiceAccount } from "cloudllm/credentials";
import { afterAll, describe, expect, test } from "vitest";
import { sentBy } from "../support/clouds.ts";
import { startIssuer, useVariables } from "./issuer.ts";

const given = useVariables();
const folder = mkdtempSync(join(tmpdir(), "cloudllm-google-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TOKEN = { body: { access_token: "ya29.one", expires_in: 3_599, token_type: "Bearer" } };
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const private_key = String(privateKey.export({ type: "pkcs8", format: "pem" }));
const account = { type: "service_account", client_email: "me@p.iam", private_key, private_key_id: "kid-1" };

function fileWith(content: object): string {
  const file = join(folder, `${Math.random()}.json`);
  writeFileSync(file, JSON.stringify(content));
  return file;
}

describe("the key of a service account", () => {
  test("signs a claim that Google can verify, and a client sends the token", async () => {
    await using issuer = await startIssuer(TOKEN);
    given({ GOOGLE_APPLICATION_CREDENTIALS: fileWith({ ...account, token_uri: `${issuer.origin}/token` }) });
    const apiKey = googleApplicationDefault();
    const { headers } = await sentBy(
      (options) => new VertexClient({ model: "gemini", project: "p", apiKey, ...options }),
    );
    expect(headers.authorization).toBe("Bearer ya29.one");
    const form = issuer.asked[0]?.form;
    expect(form?.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    const [header = "", claims = "", signature = ""] = (form?.get("assertion") ?? "").split(".");
    const read = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString());
    expect(read(header)).toEqual({ alg: "RS256", typ: "JWT", kid: "kid-1" });
    const { iat, exp, ...others } = read(claims) as { readonly iat: number; readonly exp: number };
    expect(others).toEqual({
      iss: "me@p.iam",
      scope: "https://www.googleapis.com/auth/cloud-platform",
      aud: `${issuer.origin}/token`,
    });
    expect(exp - iat).toBe(3_600);
    expect(Math.abs(iat - Date.now() / 1_000)).toBeLessThan(60);
    const key = createPublicKey(publicKey.export({ type: "spki", format: "pem" }));
    expect(verify("RSA-SHA256", Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url"))).toBe(
      true,
    );
  });

  test("works without a file", async () => {
    await using issuer = await startIssuer(TOKEN);
    const token = googleServiceAccount({ ...account, token_uri: issuer.origin });
    expect([await token(), await token()]).toEqual(["ya29.one", "ya29.one"]);
    expect(issuer.asked).toHaveLength(1);
  });

  test("that is damaged is not shown", async () => {
    const token = googleServiceAccount({ ...account, private_key: "-----BEGIN PRIVATE KEY-----\nc2VjcmV0" });
    const error: unknown = await token().catch((thrown: unknown) => thrown);
    expect(String(error)).toContain("is not a PEM of PKCS #8");
    expect(String(error)).not.toContain("c2VjcmV0");
  });

  test("is not used for a claim to an address without TLS", () => {
    expect(() => googleServiceAccount({ ...account, token_uri: "http://example.com/token" })).toThrow("https address");
  });
});

test("a user's login is refreshed", async () => {
  await using issuer = await startIssuer(TOKEN);
  const user = { client_id: "id", client_secret: "secret", refresh_token: "refresh" };
  given({
    GOOGLE_APPLICATION_CREDENTIALS: fileWith({ type: "authorized_user", ...user, token_uri: issuer.origin }),
  });
  expect(await googleApplicationDefault()()).toBe("ya29.one");
  expect(Object.fromEntries(issuer.asked[0]?.form ?? [])).toEqual({ grant_type: "refresh_token", ...user });
});

describe("the metadata server", () => {
  const flavor = { "metadata-flavor": "Google" };

  test("is asked when there is no file", async () => {
    await using issuer = await startIssuer({ ...TOKEN, headers: flavor });
    given({ GCE_METADATA_HOST: issuer.host });
    expect(await googleApplicationDefault()()).toBe("ya29.one");
    expect(issuer.asked[0]).toMatchObject({
      path: "/computeMetadata/v1/instance/service-accounts/default/token",
      headers: flavor,
    });
    expect(issuer.asked[0]?.query.get("scopes")).toBe("https://www.googleapis.com/auth/cloud-platform");
  });

  test("of another network is not believed", async () => {
    await using issuer = await startIssuer(TOKEN);
    given({ GCE_METADATA_HOST: issuer.host });
    await expect(googleApplicationDefault()()).rejects.toThrow("did not answer as Google's does");
  });

  test("that is not there leads to advice", async () => {
    const issuer = await startIssuer();
    await issuer[Symbol.asyncDispose]();
    given({ GCE_METADATA_HOST: issuer.host });
    await expect(googleApplicationDefault()()).rejects.toThrow(
      "Set GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login",
    );
  });
});

test.each([
  [{ type: "external_account" }, 'credentials of the type "external_account". Use google-auth-library'],
  [{ type: "authorized_user", client_id: "id" }, "has no `client_secret`"],
])("a file with %j is refused with its reason", async (content, reason) => {
  given({ GOOGLE_APPLICATION_CREDENTIALS: fileWith(content) });
  await expect(googleApplicationDefault()()).rejects.toThrow(reason);
});

test("a file that a variable names and that is missing is not passed over", async () => {
  given({ GOOGLE_APPLICATION_CREDENTIALS: "/nowhere/key.json" });
  await expect(googleApplicationDefault()()).rejects.toThrow("cannot be read: /nowhere/key.json");
});
