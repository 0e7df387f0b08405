/** Signatures of AWS against the values that AWS publishes for its test suite. */

import { awsSigner, type RequestToSign, SendError } from "cloudllm";
import { describe, expect, test } from "vitest";

/** The identity, time and scope of AWS's Signature Version 4 test suite. */
const CREDENTIALS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const SUITE = {
  region: "us-east-1",
  service: "service",
  credentials: CREDENTIALS,
  now: () => Date.UTC(2015, 7, 30, 12, 36, 0),
};
const REQUEST: RequestToSign = { method: "GET", url: "https://example.amazonaws.com/", headers: {}, body: "" };

/** Name, changes to the request, signature. */
const VECTORS: readonly (readonly [string, Partial<RequestToSign>, string])[] = [
  ["get-vanilla", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  [
    "get-vanilla-query-order-key-case",
    { url: "https://example.amazonaws.com/?Param2=value2&Param1=value1" },
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  ],
  [
    "get-vanilla-query-unreserved",
    {
      url: `https://example.amazonaws.com/?${"-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".repeat(2).replace(/^(.{66})/, "$1=")}`,
    },
    "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
  ],
  [
    "get-vanilla-utf8-query",
    { url: "https://example.amazonaws.com/?ሴ=bar" },
    "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
  ],
  ["post-vanilla", { method: "POST" }, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
  [
    "post-x-www-form-urlencoded",
    {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "Param1=value1",
    },
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  ],
];

test.each(VECTORS)("%s is signed as AWS signs it", async (_name, changes, signature) => {
  const headers = await awsSigner(SUITE)({ ...REQUEST, ...changes });
  const names = changes.headers ? "content-type;host;x-amz-date" : "host;x-amz-date";
  expect(headers).toEqual({
    "x-amz-date": "20150830T123600Z",
    authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
  });
});

test("headers that a proxy may change are not signed", async () => {
  const sign = awsSigner(SUITE);
  const changed = { "user-agent": "a", traceparent: "00-1", connection: "keep-alive", "anthropic-version": "1" };
  expect(await sign({ ...REQUEST, headers: changed })).toEqual(await sign(REQUEST));
});

describe("credentials", () => {
  test("that are temporary are sent with their token, which is signed", async () => {
    const credentials = async () => ({ ...CREDENTIALS, sessionToken: "a-token" });
    const headers = await awsSigner({ ...SUITE, credentials })(REQUEST);
    expect(headers["x-amz-security-token"]).toBe("a-token");
    expect(headers.authorization).toContain("SignedHeaders=host;x-amz-date;x-amz-security-token,");
  });

  test.each([{}, undefined, { accessKeyId: "a" }, { ...CREDENTIALS, sessionToken: "line\nbreak" }])(
    "such as %j are refused",
    async (credentials) => {
      const sign = awsSigner({ ...SUITE, credentials: () => credentials as typeof CREDENTIALS });
      await expect(sign(REQUEST)).rejects.toMatchObject({ kind: "authentication" });
    },
  );

  test("that cannot be had fail with the error of their function as the cause", async () => {
    const thrown = new Error("no profile");
    const sign = awsSigner({ ...SUITE, credentials: () => Promise.reject(thrown) });
    const failure: unknown = await Promise.resolve(sign(REQUEST)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SendError);
    expect(failure).toMatchObject({ kind: "authentication", cause: thrown });
  });
});
