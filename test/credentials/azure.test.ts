/** Tokens of Entra ID, from the services that Azure's documents describe. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AzureClient } from "cloudllm";
import { azureClientSecret, azureManagedIdentity, azureWorkloadIdentity } from "cloudllm/credentials";
import { afterAll, describe, expect, test, vi } from "vitest";
import { failureOf, recorder } from "../support/clouds.ts";
import { startIssuer, useVariables } from "./issuer.ts";

const given = useVariables();
const folder = mkdtempSync(join(tmpdir(), "cloudllm-azure-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tokenOf = (value: string) => ({ body: { access_token: value, expires_in: 3_600, token_type: "Bearer" } });

describe("a managed identity", () => {
  test("of a virtual machine is asked as the machine's metadata service wants it", async () => {
    await using issuer = await startIssuer({
      body: { access_token: "ey.one", expires_on: String(Math.floor(Date.now() / 1_000) + 3_600) },
    });
    given({ AZURE_POD_IDENTITY_AUTHORITY_HOST: issuer.origin });
    const token = azureManagedIdentity({ clientId: "user-assigned" });
    expect([await token(), await token()]).toEqual(["ey.one", "ey.one"]);
    expect(issuer.asked).toHaveLength(1);
    expect(issuer.asked[0]).toMatchObject({ path: "/metadata/identity/oauth2/token", headers: { metadata: "true" } });
    expect(Object.fromEntries(issuer.asked[0]?.query ?? [])).toEqual({
      "api-version": "2018-02-01",
      resource: "https://cognitiveservices.azure.com",
      client_id: "user-assigned",
    });
  });

  test("of App Service is asked at its own endpoint, with its secret", async () => {
    await using issuer = await startIssuer(tokenOf("ey.app"));
    given({ IDENTITY_ENDPOINT: `${issuer.origin}/msi/token`, IDENTITY_HEADER: "the-secret" });
    expect(await azureManagedIdentity()()).toBe("ey.app");
    expect(issuer.asked[0]).toMatchObject({ path: "/msi/token", headers: { "x-identity-header": "the-secret" } });
    expect(issuer.asked[0]?.query.get("api-version")).toBe("2019-08-01");
  });

  test.each([
    [{ IDENTITY_ENDPOINT: "localhost", IDENTITY_HEADER: "x" }, "IDENTITY_ENDPOINT is not a URL."],
    [{ AZURE_POD_IDENTITY_AUTHORITY_HOST: "no host" }, "AZURE_POD_IDENTITY_AUTHORITY_HOST is not a URL."],
  ])("at an address that is none (%j) is refused as every other credential is", async (variables, message) => {
    given(variables);
    await expect(azureManagedIdentity()()).rejects.toMatchObject({
      name: "SendError",
      kind: "authentication",
      message,
    });
  });

  test("is asked again shortly before the token ends, and once for all calls that wait", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    await using issuer = await startIssuer(tokenOf("ey.one"), tokenOf("ey.two"));
    given({ AZURE_POD_IDENTITY_AUTHORITY_HOST: issuer.origin });
    const token = azureManagedIdentity();
    expect(await Promise.all([token(), token(), token()])).toEqual(["ey.one", "ey.one", "ey.one"]);
    vi.advanceTimersByTime(3_299_000);
    expect(await token()).toBe("ey.one");
    vi.advanceTimersByTime(2_000);
    expect(await token()).toBe("ey.two");
    expect(issuer.asked).toHaveLength(2);
  });

  test("that cannot be renewed for now is used to its end", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    await using issuer = await startIssuer(tokenOf("ey.one"), { status: 503, body: { error: "busy" } });
    given({ AZURE_POD_IDENTITY_AUTHORITY_HOST: issuer.origin });
    const token = azureManagedIdentity();
    await token();
    vi.advanceTimersByTime(3_400_000);
    expect(await token()).toBe("ey.one");
    vi.advanceTimersByTime(300_000);
    await expect(token()).rejects.toMatchObject({ kind: "authentication", retryable: true });
  });
});

test("a pod's token is exchanged, and read anew for the next one", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  await using issuer = await startIssuer(tokenOf("ey.one"), tokenOf("ey.two"));
  const file = join(folder, "token");
  writeFileSync(file, "assertion-1\n");
  given({
    AZURE_AUTHORITY_HOST: `${issuer.origin}/`,
    AZURE_TENANT_ID: "tenant",
    AZURE_CLIENT_ID: "client",
    AZURE_FEDERATED_TOKEN_FILE: file,
  });
  const token = azureWorkloadIdentity();
  expect(await token()).toBe("ey.one");
  writeFileSync(file, "assertion-2\n");
  vi.advanceTimersByTime(3_600_000);
  expect(await token()).toBe("ey.two");
  expect(issuer.asked.map(({ path }) => path)).toEqual(Array(2).fill("/tenant/oauth2/v2.0/token"));
  expect(issuer.asked.map(({ form }) => form.get("client_assertion"))).toEqual(["assertion-1", "assertion-2"]);
  expect(Object.fromEntries(issuer.asked[0]?.form ?? [])).toMatchObject({
    grant_type: "client_credentials",
    client_id: "client",
    scope: "https://cognitiveservices.azure.com/.default",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  });
});

describe("a client secret", () => {
  const application = { tenantId: "tenant", clientId: "client", clientSecret: "hunter2-hunter2" };

  test("is sent in the form", async () => {
    await using issuer = await startIssuer(tokenOf("ey.one"));
    given({ AZURE_AUTHORITY_HOST: issuer.origin });
    expect(await azureClientSecret(application)()).toBe("ey.one");
    expect(issuer.asked[0]?.form.get("client_secret")).toBe("hunter2-hunter2");
  });

  test("that is refused says why, and a client sends nothing and does not try again", async () => {
    const body = { error: "invalid_client", error_description: "AADSTS7000215: Invalid client secret provided." };
    await using issuer = await startIssuer({ status: 401, body });
    given({ AZURE_AUTHORITY_HOST: issuer.origin });
    const { sent, fetch } = recorder();
    const apiKey = azureClientSecret(application);
    const failure = await failureOf(new AzureClient({ model: "m", resource: "res", apiKey, fetch }));
    expect(failure).toMatchObject({ kind: "authentication", retryable: false });
    expect(failure.message).toBe("Microsoft Entra ID reports 401: AADSTS7000215: Invalid client secret provided.");
    expect(sent).toEqual([]);
    expect(issuer.asked).toHaveLength(1);
  });

  test("is not sent over http to another machine", async () => {
    given({ AZURE_AUTHORITY_HOST: "http://login.example" });
    await expect(azureClientSecret(application)()).rejects.toThrow("AZURE_AUTHORITY_HOST must be an https address.");
  });

  test("that is missing is named with its variable", async () => {
    await expect(azureClientSecret({ tenantId: "t", clientId: "c" })()).rejects.toThrow(
      "`clientSecret` is missing. Pass it, or set AZURE_CLIENT_SECRET.",
    );
  });
});

test("a service that is not there is a failure that may pass", async () => {
  const issuer = await startIssuer();
  await issuer[Symbol.asyncDispose]();
  given({ AZURE_POD_IDENTITY_AUTHORITY_HOST: issuer.origin });
  await expect(azureManagedIdentity()()).rejects.toMatchObject({
    kind: "authentication",
    retryable: true,
    message: `The managed identity of Azure cannot be reached at ${issuer.host}.`,
  });
});
