/** Azure: addresses, keys and tokens, and the findings of its content filter. */

import { AzureClient, SendError } from "cloudllm";
import { describe, expect, test } from "vitest";
import { failureOf, HI, recorder, sentBy, useEnvironment } from "../support/clouds.ts";

const given = useEnvironment();

describe("Azure", () => {
  const azure =
    (more: Partial<ConstructorParameters<typeof AzureClient>[0]> = {}) =>
    (options: object) =>
      new AzureClient({ model: "gpt-6-luna", apiKey: "a-key-of-azure", ...more, ...options });

  test.each([
    ["responses", undefined, "https://res.openai.azure.com/openai/v1/responses"],
    ["chat", "chat" as const, "https://res.openai.azure.com/openai/v1/chat/completions"],
  ])("a resource is its v1 address (%s)", async (_name, api, url) => {
    const { headers, ...sent } = await sentBy(azure({ resource: "res", api }));
    expect(sent.url).toBe(url);
    expect(sent.body.model).toBe("gpt-6-luna");
    expect(headers["api-key"]).toBe("a-key-of-azure");
    expect(headers.authorization).toBeUndefined();
  });

  test("a function is a token of Entra ID, and no key goes with it", async () => {
    given({ AZURE_OPENAI_API_KEY: "another-key" });
    const { headers } = await sentBy(azure({ resource: "res", apiKey: async () => "eyToken" }));
    expect(headers.authorization).toBe("Bearer eyToken");
    expect(headers["api-key"]).toBeUndefined();
  });

  test("Claude in Foundry has its own host, and its key Anthropic's header", async () => {
    const { url, headers } = await sentBy(azure({ resource: "res", model: "claude-haiku-5-5" }));
    expect(url).toBe("https://res.services.ai.azure.com/anthropic/v1/messages");
    expect(headers).toMatchObject({ "x-api-key": "a-key-of-azure", "anthropic-version": "2023-06-01" });
  });

  test.each([
    [{ AZURE_OPENAI_BASE_URL: "https://a.openai.azure.com/openai/v1/" }, "https://a.openai.azure.com/openai/v1"],
    [{ AZURE_OPENAI_ENDPOINT: "https://b.openai.azure.com/" }, "https://b.openai.azure.com/openai/v1"],
    [
      { AZURE_OPENAI_ENDPOINT: "https://c.services.ai.azure.com/openai/v1" },
      "https://c.services.ai.azure.com/openai/v1",
    ],
    [{ AZURE_RESOURCE_NAME: "d" }, "https://d.openai.azure.com/openai/v1"],
    [{ AZURE_OPENAI_RESOURCE_NAME: "e" }, "https://e.openai.azure.com/openai/v1"],
  ])("%j gives the address", async (variables, address) => {
    given(variables);
    expect((await sentBy(azure())).url).toBe(`${address}/responses`);
  });

  test("the key comes from the variables of the official libraries", async () => {
    given({ AZURE_API_KEY: "second", AZURE_OPENAI_API_KEY: "first" });
    expect((await sentBy(azure({ resource: "res", apiKey: undefined }))).headers["api-key"]).toBe("first");
  });

  test.each([["evil.example/x"], ["a.b"], [""], ["-a"]])("a resource such as %j is not made a host", (resource) => {
    expect(() => azure({ resource })({})).toThrow(TypeError);
  });

  test("a missing address is said", () => {
    expect(() => azure()({})).toThrow("Pass `resource` or `baseUrl`, or set AZURE_RESOURCE_NAME");
  });

  const SAFE = { filtered: false, severity: "safe" };
  const FINDINGS = {
    hate: SAFE,
    violence: { filtered: true, severity: "medium" },
    jailbreak: { filtered: true, detected: true },
  };

  test("a filtered prompt says which categories withheld it", async () => {
    const body = {
      error: {
        message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        type: null,
        param: "prompt",
        code: "content_filter",
        status: 400,
        innererror: { code: "ResponsibleAIPolicyViolation", content_filter_result: FINDINGS },
      },
    };
    for (const api of ["responses", "chat"] as const) {
      const { fetch } = recorder(() => Response.json(body, { status: 400 }));
      const failure = await failureOf(azure({ resource: "res", api })({ fetch }));
      expect(failure).toMatchObject({
        kind: "contentFilter",
        status: 400,
        code: "content_filter",
        contentFilter: [
          { subject: "prompt", category: "violence", filtered: true, severity: "medium" },
          { subject: "prompt", category: "jailbreak", filtered: true },
        ],
      });
      expect(failure.message).toContain("Filtered: violence (medium), jailbreak.");
      expect(SendError.from(failure.toJSON()).contentFilter).toEqual(failure.contentFilter);
    }
  });

  test("a filtered reply keeps its text and says why it ends, also with findings after the usage", async () => {
    const chunk = (fields: object) => `data: ${JSON.stringify({ id: "c", model: "m", ...fields })}\n\n`;
    const text = [
      chunk({
        id: "",
        object: "",
        choices: [],
        prompt_filter_results: [
          { prompt_index: 0, content_filter_results: { hate: SAFE, sexual: { filtered: false, severity: "low" } } },
        ],
      }),
      chunk({
        choices: [
          {
            index: 0,
            delta: { role: "assistant", content: "Half" },
            finish_reason: null,
            content_filter_results: { hate: SAFE },
          },
        ],
      }),
      chunk({ choices: [{ index: 0, delta: {}, finish_reason: "content_filter" }] }),
      chunk({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 } }),
      chunk({
        id: "",
        choices: [
          {
            index: 0,
            finish_reason: null,
            content_filter_offsets: { check_offset: 0 },
            content_filter_results: { violence: { filtered: true, severity: "high" } },
          },
        ],
      }),
      "data: [DONE]\n\n",
    ].join("");
    const { fetch } = recorder(() => new Response(text, { headers: { "content-type": "text/event-stream" } }));
    const client = azure({ resource: "res", api: "chat" })({ fetch });
    const message = await (await client.sendMessageStream(HI)).finalMessage();
    expect(message).toMatchObject({ content: "Half", finishReason: "contentFilter", usage: { inputTokens: 3 } });
    expect(message.contentFilter).toEqual([
      { subject: "prompt", category: "sexual", filtered: false, severity: "low" },
      { subject: "reply", category: "violence", filtered: true, severity: "high" },
    ]);
  });

  test("a reply of Responses has its findings, and one without findings has none", async () => {
    const response = (content_filters: readonly object[]) => () =>
      Response.json({
        id: "resp_1",
        status: "completed",
        model: "m",
        output: [
          { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hi", annotations: [] }] },
        ],
        content_filters,
      });
    const filter = (source_type: string, content_filter_results: object) => ({
      blocked: false,
      source_type,
      content_filter_results,
    });
    const { fetch } = recorder(
      response([
        filter("prompt", { jailbreak: { detected: true, filtered: false } }),
        filter("completion", { hate: SAFE }),
      ]),
      response([filter("prompt", { hate: SAFE })]),
    );
    const client = azure({ resource: "res" })({ fetch });
    expect((await client.sendMessage(HI)).contentFilter).toEqual([
      { subject: "prompt", category: "jailbreak", filtered: false },
    ]);
    expect("contentFilter" in (await client.sendMessage(HI))).toBe(false);
  });

  test("the wait that Azure asks for is kept, in milliseconds", async () => {
    const { fetch } = recorder(() =>
      Response.json(
        { error: { code: "429", message: "slow down" } },
        { status: 429, headers: { "retry-after": "1", "retry-after-ms": "321" } },
      ),
    );
    const failure = await failureOf(azure({ resource: "res", retries: 0 })({ fetch }));
    expect(failure).toMatchObject({ kind: "rateLimit", retryAfterMs: 321 });
  });
});
