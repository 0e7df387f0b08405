/** AWS credentials, from each place in which AWS puts them. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BedrockClient } from "cloudllm";
import { awsCredentials } from "cloudllm/credentials";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { sentBy } from "../support/clouds.ts";
import { startIssuer, useVariables } from "./issuer.ts";

const given = useVariables();
const folder = mkdtempSync(join(tmpdir(), "cloudllm-aws-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => given({ AWS_EC2_METADATA_DISABLED: "true" }));

const EXPIRATION = new Date(Date.now() + 3_600_000).toISOString();
const ROLE = { AccessKeyId: "ASIAROLE", SecretAccessKey: "secret", Token: "session", Expiration: EXPIRATION };
const FOUND = { accessKeyId: "ASIAROLE", secretAccessKey: "secret", sessionToken: "session" };

function written(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

test("variables come first, and a client signs with them", async () => {
  given({ AWS_ACCESS_KEY_ID: "AKIAENV", AWS_SECRET_ACCESS_KEY: "s", AWS_SESSION_TOKEN: "t", AWS_REGION: "eu-west-1" });
  const credentials = awsCredentials();
  const { headers } = await sentBy(
    (options) => new BedrockClient({ model: "openai.gpt-6-luna", credentials, ...options }),
  );
  expect(headers.authorization).toContain("Credential=AKIAENV/");
  expect(headers["x-amz-security-token"]).toBe("t");
});

describe("a profile", () => {
  beforeEach(() =>
    given({
      AWS_SHARED_CREDENTIALS_FILE: written(
        "credentials",
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key=s1 # mine\n\n[work]\r\naws_access_key_id=AKIAWORK\r\naws_secret_access_key = s2\r\naws_session_token = t2\r\n",
      ),
      AWS_CONFIG_FILE: written(
        "config",
        "[default]\nregion = eu-west-1\ns3 =\n  aws_access_key_id = NESTED\n[profile sso]\nsso_session = company\n[profile role]\nrole_arn = arn:aws:iam::1:role/r\n[profile mine]\naws_access_key_id = AKIAMINE\naws_secret_access_key = s3\n",
      ),
    }),
  );

  test.each([
    [undefined, undefined, { accessKeyId: "AKIADEFAULT", secretAccessKey: "s1" }],
    [undefined, "work", { accessKeyId: "AKIAWORK", secretAccessKey: "s2", sessionToken: "t2" }],
    ["mine", "work", { accessKeyId: "AKIAMINE", secretAccessKey: "s3" }],
  ])("option %s, AWS_PROFILE %s", async (profile, variable, expected) => {
    if (variable) given({ AWS_PROFILE: variable });
    const { sessionToken, ...found } = await awsCredentials({ profile })();
    expect({ ...found, ...(sessionToken && { sessionToken }) }).toEqual(expected);
  });

  test.each([
    ["sso", "uses `sso_session`"],
    ["role", "uses `role_arn`"],
    ["nobody", "has no keys"],
  ])("%s is refused with its reason, and with what to use instead", async (profile, reason) => {
    const failure = awsCredentials({ profile })();
    await expect(failure).rejects.toThrow(`The profile "${profile}" of AWS ${reason}. Use fromNodeProviderChain()`);
  });

  test("that changes is read again", async () => {
    const credentials = awsCredentials({ profile: "new" });
    given({ AWS_SHARED_CREDENTIALS_FILE: written("n", "[new]\naws_access_key_id=A1\naws_secret_access_key=s") });
    expect((await credentials()).accessKeyId).toBe("A1");
    written("n", "[new]\naws_access_key_id=A2\naws_secret_access_key=s");
    expect((await credentials()).accessKeyId).toBe("A2");
  });
});

test("a pod's web identity becomes a role", async () => {
  const xml = `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
    <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
    <SessionToken>session</SessionToken><Expiration>${EXPIRATION}</Expiration>
    </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
  await using issuer = await startIssuer({ body: xml });
  given({
    AWS_WEB_IDENTITY_TOKEN_FILE: written("token", "a.web.token\n"),
    AWS_ROLE_ARN: "arn:aws:iam::1:role/r",
    AWS_ROLE_SESSION_NAME: "me",
    AWS_ENDPOINT_URL_STS: issuer.origin,
  });
  const credentials = awsCredentials();
  expect([await credentials(), await credentials()]).toEqual([FOUND, FOUND]);
  expect(issuer.asked).toHaveLength(1);
  expect(Object.fromEntries(issuer.asked[0]?.form ?? [])).toEqual({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: "arn:aws:iam::1:role/r",
    RoleSessionName: "me",
    WebIdentityToken: "a.web.token",
  });
});

describe("the role of a container", () => {
  test("is asked for with the token of its file", async () => {
    await using issuer = await startIssuer({ body: ROLE });
    given({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${issuer.origin}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: written("pod-token", "pod-token\n"),
    });
    expect(await awsCredentials()()).toEqual(FOUND);
    expect(issuer.asked[0]).toMatchObject({ path: "/v1/credentials", headers: { authorization: "pod-token" } });
  });

  test("is not asked for over http at another machine", async () => {
    given({ AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://evil.example/credentials" });
    await expect(awsCredentials()()).rejects.toThrow("must be an https address");
  });
});

describe("the role of a machine", () => {
  test("is asked for with a token of the second version of the service", async () => {
    await using issuer = await startIssuer({ body: "imds-token" }, { body: "my-role\n" }, { body: ROLE });
    given({ AWS_EC2_METADATA_DISABLED: "false", AWS_EC2_METADATA_SERVICE_ENDPOINT: issuer.origin });
    expect(await awsCredentials()()).toEqual(FOUND);
    expect(issuer.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "PUT /latest/api/token",
      "GET /latest/meta-data/iam/security-credentials/",
      "GET /latest/meta-data/iam/security-credentials/my-role",
    ]);
    expect(issuer.asked[0]?.headers["x-aws-ec2-metadata-token-ttl-seconds"]).toBe("21600");
    expect(issuer.asked[2]?.headers["x-aws-ec2-metadata-token"]).toBe("imds-token");
  });

  test("that is not there leads to a sentence", async () => {
    await expect(awsCredentials()()).rejects.toThrow(
      "No AWS credentials were found: no variables, no profile, no role.",
    );
  });
});
