/** Failures at a gateway that every library meets alike, whichever API it speaks. */

import { CompatibleClient } from "cloudllm";
import { bearerKey, createGateway } from "cloudllm/server";
import { Gate, startProviderServer } from "cloudllm/testing";
import { expect, test } from "vitest";
import { ask, gatewaySite, KEY, testGateway } from "../support/gateway.ts";
import type { Library } from "./library.ts";

/**
 * Declares the tests of these failures for one library.
 * @param params those of a request
 * @param wrongKey what the library's error says about a wrong key, in the words of its API
 */
export function testFailures(call: Library["call"], params: object, wrongKey: object): void {
  test("a final failure is not sent again by the library", async () => {
    const gateway = testGateway(() => ({ refusal: { status: 500 } }));
    await using site = await gatewaySite(gateway);
    await call("whole", { origin: site.origin, key: KEY, params, maxRetries: 2 });
    expect(gateway.model.calls).toHaveLength(1);
  });

  test("a refusal that passes is sent again by the library, after the time that the provider names", async () => {
    const refusal = { status: 429, headers: { "retry-after-ms": "1", "retry-after": "1" } };
    const gateway = testGateway([{ refusal }, { text: "Hello" }]);
    await using site = await gatewaySite(gateway);
    const { error } = await call("whole", { origin: site.origin, key: KEY, params, maxRetries: 1 });
    expect([error, gateway.model.calls.length]).toEqual([undefined, 2]);
  });

  test("a wrong key is an authentication error", async () => {
    await using site = await gatewaySite(testGateway([]));
    const { error } = await call("whole", { origin: site.origin, key: "sk-wrong", params });
    expect(error).toMatchObject({ name: "AuthenticationError", status: 401, ...wrongKey });
  });

  test.each([
    ["a caller that is not allowed", 403, /^PermissionDeniedError$/],
    ["a body that is too large", 413, /^(APIStatus|API|RequestTooLarge|ContentTooLarge)Error$/],
    ["a reply too many at once", 429, /^RateLimitError$/],
    ["a gateway that ends", 503, /^(InternalServer|Overloaded)Error$/],
  ] as const)("%s is an error of its class (%i)", async (_what, status, name) => {
    const gateway = testGateway(() => ({ steps: [{ text: "One" }, { pause: new Gate() }] }), {
      authorize: status === 403 ? () => new Response("Not you.", { status }) : bearerKey(KEY),
      limits: { bodyBytes: 2_000, runsPerUser: 1 },
    });
    await using site = await gatewaySite(gateway);
    const hello = { messages: [{ role: "user", content: "Hello" }], stream: true };
    if (status === 429) await gateway.handle(ask("chat/completions", hello));
    if (status === 503) await gateway.drain(0);
    const asked = status === 413 ? { ...params, model: "m".repeat(3_000) } : params;
    const { error } = await call("whole", { origin: site.origin, key: KEY, params: asked });
    const statuses = status === 503 ? [503, 529] : [status]; // Anthropic has a word of its own
    expect(error).toMatchObject({ name: expect.stringMatching(name), status: expect.toBeOneOf(statuses) });
  });

  test("an abort closes the provider's connection", async () => {
    const gate = new Gate();
    await using server = await startProviderServer(() => ({ steps: [{ text: "One" }, { pause: gate }] }));
    const { baseUrl } = server;
    const client = new CompatibleClient({ baseUrl, apiKey: "k", model: "m" });
    await using site = await gatewaySite(createGateway({ client, authorize: bearerKey(KEY) }));
    await call("abort", { origin: site.origin, key: KEY, params });
    await (await server.request(0)).closed;
  });
}
