/** Vertex: addresses, tokens and keys, and the envelope of Claude. */

import { VertexClient } from "cloudllm";
import { describe, expect, test, vi } from "vitest";
import { failureOf, HI, recorder, sentBy, useEnvironment } from "../support/clouds.ts";

const given = useEnvironment();

describe("Vertex", () => {
  const token = async () => "ya29.a-token-of-google";
  const vertex =
    (more: Partial<ConstructorParameters<typeof VertexClient>[0]> = {}) =>
    (options: object) =>
      new VertexClient({ model: "gemini-3.5-flash-lite", project: "my-project", apiKey: token, ...more, ...options });

  test.each([
    [undefined, "aiplatform.googleapis.com/v1/projects/my-project/locations/global"],
    ["eu", "aiplatform.eu.rep.googleapis.com/v1/projects/my-project/locations/eu"],
    ["us", "aiplatform.us.rep.googleapis.com/v1/projects/my-project/locations/us"],
    ["europe-west1", "europe-west1-aiplatform.googleapis.com/v1/projects/my-project/locations/europe-west1"],
  ])("the location %s is at %s", async (location, address) => {
    const { url, headers } = await sentBy(vertex({ location }));
    expect(url).toBe(`https://${address}/publishers/google/models/gemini-3.5-flash-lite:generateContent`);
    expect(headers.authorization).toBe("Bearer ya29.a-token-of-google");
  });

  test.each([
    ["gemini-3.5-flash-lite", {}, true, "publishers/google/models/gemini-3.5-flash-lite:streamGenerateContent?alt=sse"],
    ["endpoints/123", {}, false, "endpoints/123:generateContent"],
    ["claude-haiku-5-5", {}, true, "publishers/anthropic/models/claude-haiku-5-5:streamRawPredict"],
    ["claude-haiku-4-5@20251001", {}, false, "publishers/anthropic/models/claude-haiku-4-5@20251001:rawPredict"],
    ["xai/grok-4.3", { api: "chat" }, true, "endpoints/openapi/chat/completions"],
  ] as const)("%s %j is at its own path (streamed: %s)", async (model, more, stream, path) => {
    const { url } = await sentBy(vertex({ model, ...more }), stream);
    expect(url).toBe(`https://aiplatform.googleapis.com/v1/projects/my-project/locations/global/${path}`);
  });

  test("Claude's body has the version and no model, and betas stay a header", async () => {
    const file = { type: "file", fileId: "file_1" } as const;
    const { sent, fetch } = recorder();
    const client = vertex({ model: "claude-haiku-5-5", fetch })({});
    await client.sendMessage([{ role: "user", content: [file] }]).catch(() => {});
    expect(sent[0]?.body).toMatchObject({ anthropic_version: "vertex-2023-10-16", max_tokens: 128_000 });
    expect(sent[0]?.body.model).toBeUndefined();
    expect(sent[0]?.headers["anthropic-version"]).toBeUndefined();
    expect(sent[0]?.headers["anthropic-beta"]).toBe("files-api-2025-04-14");
    expect(client.model).toBe("claude-haiku-5-5");
  });

  test("tokens are counted at the paths of the project, in Google Cloud's own forms", async () => {
    const { sent, fetch } = recorder(
      () => Response.json({ totalTokens: 7 }),
      () => Response.json({ input_tokens: 8 }),
    );
    const counts = [];
    for (const model of ["gemini-3.5-flash-lite", "claude-haiku-5-5"])
      counts.push(
        (await vertex({ model, fetch })({}).countTokens([{ role: "system", content: "Be." }, ...HI])).inputTokens,
      );
    expect(counts).toEqual([7, 8]);
    const base = "https://aiplatform.googleapis.com/v1/projects/my-project/locations/global/publishers";
    expect(sent.map(({ url }) => url)).toEqual([
      `${base}/google/models/gemini-3.5-flash-lite:countTokens`,
      `${base}/anthropic/models/count-tokens:rawPredict`,
    ]);
    expect(sent[0]?.body).toEqual({
      contents: [{ role: "user", parts: [{ text: "hi" }] }],
      systemInstruction: { parts: [{ text: "Be." }] },
    });
    expect(sent[1]?.body).toMatchObject({ anthropic_version: "vertex-2023-10-16", model: "claude-haiku-5-5" });
    expect(sent[1]?.body).not.toHaveProperty("max_tokens");
  });

  test("a key of the express mode needs no project", async () => {
    const { url, headers } = await sentBy(vertex({ project: undefined, apiKey: "AQ.a-key" }), true);
    expect(url).toBe(
      "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-3.5-flash-lite:streamGenerateContent?alt=sse",
    );
    expect(headers["x-goog-api-key"]).toBe("AQ.a-key");
    expect(headers.authorization).toBeUndefined();
  });

  test("what is given counts before the environment, and its project before its key", async () => {
    given({ GOOGLE_CLOUD_PROJECT: "of-env", GOOGLE_API_KEY: "key-of-env", GOOGLE_CLOUD_LOCATION: "us" });
    const urlOf = async (more: Parameters<typeof vertex>[0]) => (await sentBy(vertex(more))).url;
    expect(await urlOf({})).toContain("/projects/my-project/locations/us/");
    expect(await urlOf({ project: undefined })).toContain("/projects/of-env/locations/us/");
    expect(await urlOf({ project: undefined, apiKey: "AQ.a-key" })).not.toContain("projects");
    const failure = await failureOf(vertex({ project: undefined, apiKey: undefined })({}));
    expect(failure).toMatchObject({ kind: "authentication" });
    expect(failure.message).toContain("Pass `apiKey`, or set CLOUDLLM_VERTEX_API_KEY.");
    vi.stubEnv("GOOGLE_CLOUD_PROJECT", undefined);
    const { headers } = await sentBy(vertex({ project: undefined, apiKey: undefined }));
    expect(headers["x-goog-api-key"]).toBe("key-of-env");
  });

  test("a token that ran out is asked for again", async () => {
    const expired = {
      error: {
        code: 401,
        message: "Request had invalid authentication credentials.",
        status: "UNAUTHENTICATED",
        details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "ACCESS_TOKEN_EXPIRED" }],
      },
    };
    for (const model of ["gemini-3.5-flash-lite", "claude-haiku-5-5"]) {
      const { sent, fetch } = recorder(() => Response.json(expired, { status: 401 }));
      let asked = 0;
      await failureOf(vertex({ model, fetch, apiKey: () => `ya29.token-${++asked}` })({}));
      expect(sent.map(({ headers }) => headers.authorization)).toEqual(["Bearer ya29.token-1", "Bearer ya29.token-2"]);
    }
  });

  test.each([
    [404, { error: { code: 404, message: "Publisher Model was not found.", status: "NOT_FOUND" } }, "notFound"],
    [429, { error: { code: 429, message: "Resource exhausted.", status: "RESOURCE_EXHAUSTED" } }, "rateLimit"],
    [429, [{ error: { code: 429, message: "Resource exhausted.", status: "RESOURCE_EXHAUSTED" } }], "rateLimit"],
    [529, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }, "overloaded"],
  ])("Claude's errors are read in Google's form and in Anthropic's: %i %j", async (status, body, kind) => {
    const { fetch } = recorder(() => Response.json(body, { status }));
    expect(await failureOf(vertex({ model: "claude-haiku-5-5", fetch, retries: 0 })({}))).toMatchObject({
      kind,
      status,
    });
  });

  test.each([
    ["project", { project: "../other" }],
    ["location", { location: "eu.evil.example/" }],
  ])("a %s such as %j is not made an address", (name, more) => {
    expect(() => vertex(more)({})).toThrow(`\`${name}\` is invalid`);
  });

  test.each(["../x", "a/b"])("Claude's model %j is not made a path", async (model) => {
    const { sent, fetch } = recorder();
    expect(await failureOf(vertex({ model, api: "messages", fetch })({}))).toMatchObject({ kind: "invalidRequest" });
    expect(sent).toEqual([]);
  });
});
