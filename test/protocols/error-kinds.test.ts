/** Error bodies of many vendors, as kinds a program can switch on. */

import { describe, expect, test } from "vitest";
import { errorOf } from "../../src/protocols/error-kinds.ts";

describe("an error is told by its status, its code, and its words", () => {
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
