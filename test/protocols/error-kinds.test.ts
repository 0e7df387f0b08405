/** Error bodies of many vendors, as kinds a program can switch on. */

import type { SendError, SendErrorKind } from "cloudllm";
import { describe, expect, test } from "vitest";
import { errorOf } from "../../src/protocols/common/error-kinds.ts";
import { geminiError } from "../../src/protocols/gemini/errors.ts";

/** An Anthropic body. */
const anthropic = (type: string, message = "m") => ({ type: "error", error: { type, message }, request_id: "req_1" });
/** Google's, with its details. */
const google = (code: number, status: string, message = "m", ...details: readonly object[]) => ({
  error: { code, message, status, details },
});
const openai = (code: string | null, message = "m", type = "invalid_request_error") => ({
  error: { message, type, param: null, code },
});

describe("each provider's bodies and codes become kinds", () => {
  test.each<[string, number, unknown, SendErrorKind, boolean]>([
    ["anthropic: bad request", 400, anthropic("invalid_request_error"), "invalidRequest", false],
    [
      "anthropic: too long a prompt",
      400,
      anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
      "contextLength",
      false,
    ],
    [
      "anthropic: too long with its answer",
      400,
      anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
      "contextLength",
      false,
    ],
    [
      "anthropic: no credit",
      400,
      anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
      "permission",
      false,
    ],
    [
      "anthropic: own spend limit",
      400,
      anthropic("invalid_request_error", "You have reached your specified API usage limits."),
      "rateLimit",
      false,
    ],
    ["anthropic: wrong key", 401, anthropic("authentication_error", "invalid x-api-key"), "authentication", false],
    ["anthropic: billing", 402, anthropic("billing_error"), "permission", false],
    ["anthropic: not allowed", 403, anthropic("permission_error"), "permission", false],
    ["anthropic: no such model", 404, anthropic("not_found_error", "model: claude-x"), "notFound", false],
    ["anthropic: conflict", 409, anthropic("conflict_error"), "server", true],
    ["anthropic: too large", 413, anthropic("request_too_large"), "invalidRequest", false],
    ["anthropic: rate limit", 429, anthropic("rate_limit_error"), "rateLimit", true],
    ["anthropic: failure", 500, anthropic("api_error"), "server", true],
    ["anthropic: time-out", 504, anthropic("timeout_error"), "server", true],
    ["anthropic: overloaded", 529, anthropic("overloaded_error"), "overloaded", true],
    ["anthropic: overloaded inside a stream", 0, anthropic("overloaded_error"), "overloaded", true],
    ["anthropic: failure inside a stream", 0, anthropic("api_error"), "server", true],
    ["anthropic: too large inside a stream", 0, anthropic("request_too_large"), "invalidRequest", false],
    ["anthropic: bad request inside a stream", 0, anthropic("invalid_request_error"), "invalidRequest", false],
    ["anthropic: rate limit inside a stream", 0, anthropic("rate_limit_error"), "rateLimit", true],

    [
      "anthropic: spend limit of the organization",
      400,
      {
        type: "error",
        error: { type: "invalid_request_error", message: "m", details: { error_code: "enforced_spend_limit_reached" } },
      },
      "rateLimit",
      false,
    ],
    [
      "anthropic: compaction is not there now",
      529,
      { type: "error", error: { type: "api_error", message: "m", details: { error_code: "compaction_unavailable" } } },
      "overloaded",
      true,
    ],

    ["openai: unknown field", 400, openai("unknown_parameter"), "invalidRequest", false],
    ["openai: unsupported field", 400, openai("unsupported_parameter"), "invalidRequest", false],
    ["openai: too long", 400, openai("context_length_exceeded"), "contextLength", false],
    [
      "openai: too long, in words",
      400,
      openai(null, "Your input exceeds the context window of this model."),
      "contextLength",
      false,
    ],
    [
      "openai: a flagged prompt",
      400,
      openai("invalid_prompt", "Your prompt was flagged as potentially violating our usage policy."),
      "contentFilter",
      false,
    ],
    ["openai: no such model over Chat", 404, openai("model_not_found"), "notFound", false],
    ["openai: no such model over Responses", 400, openai("model_not_found"), "notFound", false],
    ["openai: wrong key", 401, openai("invalid_api_key"), "authentication", false],
    [
      "openai: region",
      403,
      openai("unsupported_country_region_territory", "m", "request_forbidden"),
      "permission",
      false,
    ],
    ["openai: rate limit", 429, openai("rate_limit_exceeded", "m", "requests"), "rateLimit", true],
    ["openai: spent quota", 429, openai("insufficient_quota", "m", "insufficient_quota"), "rateLimit", false],
    ["openai: spend cap", 429, openai("billing_hard_limit_reached"), "rateLimit", false],
    [
      "openai: spent quota inside a stream",
      0,
      openai("insufficient_quota", "m", "insufficient_quota"),
      "rateLimit",
      false,
    ],
    ["openai: flat, inside a stream", 0, { type: "error", code: "server_error", message: "m" }, "server", true],
    ["openai: a failed response", 0, { error: { code: "rate_limit_exceeded", message: "m" } }, "rateLimit", true],
    [
      "openai: a failed response's image",
      0,
      { error: { code: "image_too_large", message: "m" } },
      "invalidRequest",
      false,
    ],
    [
      "openai: an image not found",
      0,
      { error: { code: "failed_to_download_image", message: "m" } },
      "invalidRequest",
      false,
    ],
    ["openai: a time-out of its store", 0, { error: { code: "vector_store_timeout", message: "m" } }, "server", true],
    ["openai: policy", 0, { error: { code: "bio_policy", message: "m" } }, "contentFilter", false],
    ["openai: overloaded", 503, openai("server_is_overloaded", "m", "service_unavailable_error"), "overloaded", true],
    [
      "azure: prompt filtered",
      400,
      { error: { code: "content_filter", message: "m", innererror: { code: "ResponsibleAIPolicyViolation" } } },
      "contentFilter",
      false,
    ],
    [
      "openai: reasoning of another",
      400,
      openai("invalid_encrypted_content", "The encrypted content could not be verified."),
      "invalidRequest",
      false,
    ],

    [
      "gemini: wrong key is a 400",
      400,
      google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", { reason: "API_KEY_INVALID" }),
      "authentication",
      false,
    ],
    ["gemini: bad request", 400, google(400, "INVALID_ARGUMENT", 'Unknown name "x"'), "invalidRequest", false],
    [
      "gemini: too long",
      400,
      google(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
      ),
      "contextLength",
      false,
    ],
    [
      "gemini: region or billing",
      400,
      google(400, "FAILED_PRECONDITION", "User location is not supported."),
      "permission",
      false,
    ],
    ["gemini: not allowed", 403, google(403, "PERMISSION_DENIED"), "permission", false],
    ["gemini: no such model", 404, google(404, "NOT_FOUND"), "notFound", false],
    ["gemini: rate limit", 429, google(429, "RESOURCE_EXHAUSTED"), "rateLimit", true],
    [
      "gemini: the day's quota",
      429,
      google(429, "RESOURCE_EXHAUSTED", "m", { violations: [{ quotaId: "GenerateRequestsPerDayPerProjectPerModel" }] }),
      "rateLimit",
      false,
    ],
    ["gemini: failure", 500, google(500, "INTERNAL"), "server", true],
    ["gemini: overloaded", 503, google(503, "UNAVAILABLE", "The model is overloaded."), "overloaded", true],
    ["gemini: time-out", 504, google(504, "DEADLINE_EXCEEDED"), "server", true],
    ["gemini: overloaded inside a stream", 0, google(503, "UNAVAILABLE"), "overloaded", true],
    ["gemini: in an array, over Chat", 429, [google(429, "RESOURCE_EXHAUSTED")], "rateLimit", true],

    [
      "xai: wrong key is a 400",
      400,
      { code: "Client specified an invalid argument", error: "Incorrect API key provided: xa***y." },
      "authentication",
      false,
    ],
    [
      "xai: too long",
      400,
      {
        code: "invalid-argument",
        error: "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
      },
      "contextLength",
      false,
    ],
    ["xai: a text alone", 410, { error: "Live search is deprecated." }, "invalidRequest", false],
    ["xai: exhausted inside a stream", 0, { code: "Some resource has been exhausted", error: "m" }, "rateLimit", true],
    ["xai: unavailable at 200", 0, { code: "The service is currently unavailable", error: "m" }, "overloaded", true],

    [
      "openrouter: moderation",
      403,
      {
        error: {
          code: 403,
          message: "Input requires moderation",
          metadata: { reasons: ["violence"], flagged_input: "x" },
        },
      },
      "contentFilter",
      false,
    ],
    ["openrouter: no credits", 402, { error: { code: 402, message: "Insufficient credits" } }, "permission", false],
    ["openrouter: inside a stream", 0, { error: { code: 502, message: "Provider disconnected" } }, "server", true],
    [
      "groq: too large for the limit",
      413,
      openai("rate_limit_exceeded", "Request too large for model"),
      "invalidRequest",
      false,
    ],
    ["groq: bad request inside a stream", 0, { error: { message: "m", type: "bad_request" } }, "invalidRequest", false],
    ["groq: busy", 498, openai("capacity_exceeded"), "overloaded", true],
    [
      "mistral: an object as its message",
      422,
      { object: "error", message: { detail: [{ msg: "extra" }] } },
      "invalidRequest",
      false,
    ],
    ["deepseek: no money", 402, openai("invalid_request_error", "Insufficient Balance"), "permission", false],
    ["deepseek: content", 400, openai("invalid_request_error", "Content Exists Risk"), "contentFilter", false],
    ["a proxy's HTML", 502, "<html><title>Bad gateway</title></html>", "server", true],
    ["a proxy's time-out", 524, "", "server", true],
  ])("%s", (_name, status, body, kind, retryable) => {
    expect(geminiOrOther(status, body)).toMatchObject({ kind, retryable });
  });

  function geminiOrOther(status: number, body: unknown) {
    return /^.*"(status|reason)":"[A-Z_]+"/.test(JSON.stringify(body))
      ? geminiError("gemini", status, body)
      : errorOf("someone", status, body);
  }
});

describe("the wait a provider asks for in its body is read", () => {
  test.each<[string, SendError, number | undefined]>([
    [
      "gemini's RetryInfo",
      geminiError("gemini", 429, google(429, "RESOURCE_EXHAUSTED", "m", { retryDelay: "34.4s" })),
      34_400,
    ],
    ["openai's words", errorOf("openai", 429, openai("rate_limit_exceeded", "Please try again in 1.2s.")), 1_200],
    ["milliseconds", errorOf("openai", 429, openai("rate_limit_exceeded", "Please try again in 20ms.")), 20],
    ["groq's minutes", errorOf("groq", 429, openai("rate_limit_exceeded", "Please try again in 7m12.5s.")), 432_500],
    ["hours", errorOf("groq", 429, openai("rate_limit_exceeded", "Please try again in 1h2m3s.")), 3_723_000],
    [
      "none where none is reported",
      errorOf("groq", 429, openai("rate_limit_exceeded", "Please try again in a while.")),
      undefined,
    ],
    ["none where waiting does not help", errorOf("x", 400, openai("unknown_parameter", "try again in 1s")), undefined],
  ])("%s", (_name, error, due) => expect(error.retryAfterMs).toBe(due));
});

test("an error names its provider, says what to do, and has the code, the status and the id of the request", () => {
  const error = errorOf("anthropic", 404, anthropic("not_found_error", "model: claude-x"));
  expect(error).toMatchObject({ status: 404, code: "not_found_error", requestId: "req_1", retryable: false });
  expect(error.message).toBe(
    "anthropic reports 404 not_found_error: model: claude-x. Check the model's name and the base URL.",
  );
  const key = geminiError("gemini", 400, google(400, "INVALID_ARGUMENT", "No.", { reason: "API_KEY_INVALID" }));
  expect(key.message).toBe("gemini reports 400 INVALID_ARGUMENT: No. Check the API key.");
});

describe("an error is reported by its status, its code, and its words", () => {
  test.each([
    [401, { error: { message: "no", code: "invalid_api_key" } }, "authentication", false],
    [402, { error: { message: "pay" } }, "permission", false],
    [404, { error: { message: "no", code: "model_not_found" } }, "notFound", false],
    [400, { error: { message: "long", code: "context_length_exceeded" } }, "contextLength", false],
    [400, { error: { message: "too long", type: "exceed_context_size_error", n_ctx: 192 } }, "contextLength", false],
    [
      400,
      {
        object: "error",
        message: "This model's maximum context length is 4096 tokens.",
        type: "BadRequestError",
        code: 400,
      },
      "contextLength",
      false,
    ],
    [400, { error: { message: "no", code: "content_filter" } }, "contentFilter", false],
    [429, { error: { message: "slow", code: "rate_limit_exceeded" } }, "rateLimit", true],
    [429, { error: { message: "pay", code: "insufficient_quota" } }, "rateLimit", false],
    [404, { error: { message: "Invalid URL", type: "invalid_request_error", code: null } }, "notFound", false],
    [402, { error: { message: "Insufficient Balance", code: "invalid_request_error" } }, "permission", false],
    [503, { error: { message: "x", type: "api_error" } }, "overloaded", true],
    [408, {}, "server", true],
    [409, {}, "server", true],
    [422, { object: "error", message: { detail: [{ msg: "extra" }] } }, "invalidRequest", false],
    [498, { error: { message: "busy", code: "capacity_exceeded" } }, "overloaded", true],
    [500, "oops", "server", true],
    [502, "<html><title>Bad</title></html>", "server", true],
    [529, { error: { type: "overloaded_error", message: "busy" } }, "overloaded", true],
    [0, { error: { message: "late", code: 429 } }, "rateLimit", true],
    [0, { error: { message: "tool", code: "tool_use_failed", status_code: 400 } }, "invalidRequest", false],
    [0, { code: "The service is currently unavailable", error: "Try later" }, "overloaded", true],
    [0, [{ error: { code: 503, message: "busy", status: "UNAVAILABLE" } }], "overloaded", true],
    [0, { error: { message: "?" } }, "server", true],
    [418, null, "invalidRequest", false],
  ] as const)("%i %j is %s", (status, body, kind, retryable) => {
    expect(errorOf("someone", status, body)).toMatchObject({ kind, retryable });
  });
});

test("the message names who reports what, and what to do", () => {
  const error = errorOf("openai", 401, { error: { message: "Incorrect API key.", code: "invalid_api_key" } });
  expect(error.message).toBe("openai reports 401 invalid_api_key: Incorrect API key. Check the API key.");
});

test("a router's message carries what the provider behind it said", () => {
  const error = errorOf("openrouter", 429, {
    error: { code: 429, message: "Provider returned error", metadata: { raw: "too many" } },
  });
  expect(error.message).toContain("too many");
});

test("a long body makes a short message", () => {
  expect(errorOf("x", 500, "e".repeat(100_000)).message.length).toBeLessThan(3_000);
});

test("Anthropic's code of an error is kept, or else its type", () => {
  const details = { error_code: "image_dimensions_too_large", paths: ["messages.0"], max_side_length_pixels: 8_000 };
  const body = { type: "error", error: { type: "invalid_request_error", message: "m", details } };
  expect(errorOf("anthropic", 400, body)).toMatchObject({ kind: "invalidRequest", code: "image_dimensions_too_large" });
  expect(errorOf("anthropic", 400, anthropic("invalid_request_error")).code).toBe("invalid_request_error");
});
