/** A base URL with the wrong scheme or path: the error says what to change. */

import { CompatibleClient } from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

describe.each([["node:http"], ["fetch"]])("over %s", (transport) => {
  const over = transport === "fetch" ? { fetch } : {};

  test("https to a server of plain http is one sentence with advice", async () => {
    await using server = await startProviderServer();
    const baseUrl = server.baseUrl.replace("http:", "https:");
    const client = new CompatibleClient({ model: "m", baseUrl, ...over });
    await expect(client.sendMessage([{ role: "user", content: "hi" }])).rejects.toMatchObject({
      kind: "network",
      retryable: false,
      message:
        "Could not reach compatible: the server there does not speak TLS. If it is a server of your own, begin its base URL with http: instead of https:.",
    });
  });

  test.each([404, 405])("a %i leads to the base URL", async (status) => {
    await using server = await startProviderServer([{ refusal: { status, message: "No." } }]);
    const client = new CompatibleClient({ model: "m", baseUrl: server.baseUrl, ...over });
    const message = expect.stringContaining("Check the model's name and the base URL.") as unknown;
    await expect(client.sendMessage([{ role: "user", content: "hi" }])).rejects.toMatchObject({ status, message });
  });
});
