/** Bedrock: addresses, keys and signatures, and Amazon's errors. */

import { inspect } from "node:util";
import { BedrockClient } from "cloudllm";
import { describe, expect, test, vi } from "vitest";
import { failureOf, HI, recorder, sentBy, useEnvironment } from "../support/clouds.ts";

const given = useEnvironment();

describe("Bedrock", () => {
  const credentials = {
    accessKeyId: "AKIDEXAMPLE",
    secretAccessKey: "a-secret-of-aws",
    sessionToken: "a-session-token",
  };
  const bedrock =
    (more: Partial<ConstructorParameters<typeof BedrockClient>[0]> = {}) =>
    (options: object) =>
      new BedrockClient({
        model: "global.anthropic.claude-haiku-5-5",
        region: "us-east-1",
        apiKey: "a-key-of-aws",
        ...more,
        ...options,
      });

  test.each([
    ["global.anthropic.claude-haiku-5-5", {}, "bedrock-runtime.us-east-1.amazonaws.com/anthropic/v1/messages"],
    ["openai.gpt-6-luna", {}, "bedrock-runtime.us-east-1.amazonaws.com/openai/v1/responses"],
    ["openai.gpt-oss-120b-1:0", {}, "bedrock-runtime.us-east-1.amazonaws.com/openai/v1/chat/completions"],
    [
      "qwen.qwen3-32b-v1:0",
      { region: "cn-north-1" },
      "bedrock-runtime.cn-north-1.amazonaws.com.cn/openai/v1/chat/completions",
    ],
    ["openai.gpt-6-luna", { endpoint: "mantle" }, "bedrock-mantle.us-east-1.api.aws/openai/v1/responses"],
    ["openai.gpt-oss-120b", { endpoint: "mantle", api: "responses" }, "bedrock-mantle.us-east-1.api.aws/v1/responses"],
    ["anthropic.claude-haiku-5-5", { endpoint: "mantle" }, "bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages"],
  ] as const)("%s %j is at %s", async (model, more, url) => {
    const sent = await sentBy(bedrock({ model, ...more }));
    expect(sent.url).toBe(`https://${url}`);
    expect(sent.body.model).toBe(model);
    expect(sent.headers.authorization).toBe("Bearer a-key-of-aws");
  });

  test("OpenAI's models are known by the names that Amazon gives them", async () => {
    const { body } = await sentBy((options) =>
      bedrock({ model: "us.openai.gpt-6-luna", temperature: 0.5, unsupported: "ignore", reasoning: "max" })(options),
    );
    expect(body).toMatchObject({ reasoning: { effort: "max" } });
    expect(body.temperature).toBeUndefined();
  });

  test("without a key the requests are signed, with the credentials of the environment", async () => {
    given({
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "s",
      AWS_SESSION_TOKEN: "t",
      AWS_REGION: "eu-west-1",
    });
    const { headers, url } = await sentBy(bedrock({ apiKey: undefined, region: undefined }));
    expect(url).toContain("bedrock-runtime.eu-west-1.");
    expect(headers["x-amz-security-token"]).toBe("t");
    expect(headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/bedrock\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=[\da-f]{64}$/,
    );
  });

  test("the order is: key, credentials, key of the environment, credentials of the environment", async () => {
    given({ AWS_BEARER_TOKEN_BEDROCK: "from-env", AWS_ACCESS_KEY_ID: "AKIDENV", AWS_SECRET_ACCESS_KEY: "s" });
    const authorization = async (more: Parameters<typeof bedrock>[0]) =>
      (await sentBy(bedrock(more))).headers.authorization;
    expect(await authorization({ credentials })).toBe("Bearer a-key-of-aws");
    expect(await authorization({ credentials, apiKey: undefined })).toContain("Credential=AKIDEXAMPLE/");
    expect(await authorization({ apiKey: undefined })).toBe("Bearer from-env");
    vi.stubEnv("AWS_BEARER_TOKEN_BEDROCK", undefined);
    expect(await authorization({ apiKey: undefined })).toContain("Credential=AKIDENV/");
  });

  test("mantle has a name of its own in signatures", async () => {
    const { headers } = await sentBy(bedrock({ apiKey: undefined, credentials, endpoint: "mantle" }));
    expect(headers.authorization).toContain("/us-east-1/bedrock-mantle/aws4_request");
  });

  test("missing credentials are named, and nothing is sent", async () => {
    const { sent, fetch } = recorder();
    const failure = await failureOf(bedrock({ apiKey: undefined, fetch })({}));
    expect(failure).toMatchObject({ kind: "authentication" });
    expect(failure.message).toContain("AWS_BEARER_TOKEN_BEDROCK");
    expect(sent).toEqual([]);
  });

  test("credentials that ran out are asked for again, once, and no error shows them", async () => {
    const expired = () =>
      new Response(
        JSON.stringify({ Message: `The security token a-session-token is expired: ${credentials.accessKeyId}` }),
        {
          status: 403,
          headers: { "x-amzn-errortype": "ExpiredTokenException:http://amazon", "x-amzn-requestid": "req-1" },
        },
      );
    const { sent, fetch } = recorder(expired, expired);
    let asked = 0;
    const countedCredentials = () => {
      asked++;
      return credentials;
    };
    const failure = await failureOf(bedrock({ apiKey: undefined, fetch, credentials: countedCredentials })({}));
    expect([asked, sent.length]).toEqual([2, 2]);
    expect(failure).toMatchObject({ kind: "authentication", code: "ExpiredTokenException", requestId: "req-1" });
    const text = inspect(failure, { depth: null, showHidden: true }) + JSON.stringify(failure);
    expect(text).not.toContain("a-session-token");
    expect(text).not.toContain("AKIDEXAMPLE");
  });

  test.each([
    [429, "ThrottlingException", "rateLimit", true],
    [403, "AccessDeniedException", "permission", false],
    [403, "SignatureDoesNotMatch", "authentication", false],
    [404, "ResourceNotFoundException", "notFound", false],
    [400, "ValidationException", "invalidRequest", false],
    [424, "ModelErrorException", "server", true],
    [429, "ModelNotReadyException", "overloaded", true],
    [503, "ServiceUnavailableException", "overloaded", true],
  ])("%i with %s is of kind %s", async (status, type, kind, retryable) => {
    for (const model of ["anthropic.claude-haiku-5-5", "openai.gpt-6-luna", "openai.gpt-oss-20b-1:0"]) {
      const { fetch } = recorder(() =>
        Response.json({ message: "No." }, { status, headers: { "x-amzn-errortype": type } }),
      );
      const failure = await failureOf(bedrock({ model, fetch, retries: 0 })({}));
      expect(failure).toMatchObject({ kind, retryable, code: type, status });
      expect(failure.message).toContain("No.");
    }
  });

  test("an API key that has expired is asked for again, though Amazon calls it a lack of rights", async () => {
    const refusal = () =>
      Response.json(
        { Message: "Bearer Token has expired" },
        { status: 403, headers: { "x-amzn-errortype": "AccessDeniedException" } },
      );
    const { sent, fetch } = recorder(refusal);
    let asked = 0;
    await failureOf(bedrock({ fetch, apiKey: () => `key-${++asked}` })({}));
    expect(sent.map(({ headers }) => headers.authorization)).toEqual(["Bearer key-1", "Bearer key-2"]);
  });

  test.each([
    ["output", { output: { type: "object" } }, "global.anthropic.claude-haiku-5-5"],
    ["search", { search: {} }, "global.anthropic.claude-haiku-5-5"],
    ["search", { search: {} }, "openai.gpt-6-luna"],
    ["search", { search: {} }, "openai.gpt-oss-20b-1:0"],
  ])("`%s` is refused before anything is sent (%j, %s)", async (name, options, model) => {
    const { sent, fetch } = recorder();
    const failure: unknown = await bedrock({ model, fetch })({})
      .sendMessage(HI, options)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: "unsupported" });
    expect(String(failure)).toContain(`\`${name}\``);
    expect(sent).toEqual([]);
  });

  test("Claude's tokens are counted where Amazon counts them, and estimated elsewhere", async () => {
    const { sent, fetch } = recorder(() => Response.json({ input_tokens: 8 }));
    expect(await bedrock({ endpoint: "mantle", fetch })({}).countTokens(HI)).toMatchObject({ inputTokens: 8 });
    expect(await bedrock({ fetch })({}).countTokens(HI)).toMatchObject({ source: "estimate" });
    expect(sent.map(({ url }) => url)).toEqual([
      "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages/count_tokens",
    ]);
  });

  test("a reply cannot be kept, so `recover: resume` does not ask for it", async () => {
    const { body } = await sentBy(bedrock({ model: "openai.gpt-6-luna", recover: "resume" }), true);
    expect(body.background).toBeUndefined();
  });

  test.each(["us-east-1.evil.example/", "US", ""])("a region such as %j is not made a host", (region) => {
    expect(() => bedrock({ region })({})).toThrow("must be the name of an AWS region");
  });

  test("a missing region is said", () => {
    expect(() => bedrock({ region: undefined })({})).toThrow("Pass `region`, or set AWS_REGION");
  });
});
