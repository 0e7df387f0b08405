/** A way to the network that a browser does not have is an error there as on any runtime over `fetch`. */

import { expect, test } from "vitest";
import { defaultTransport as inBrowsers } from "../../src/transport/default-browser.ts";
import { defaultTransport as elsewhere } from "../../src/transport/default-fetch.ts";
import type { Network } from "../../src/transport/network.ts";

const AGENT = { maxSockets: 1, maxFreeSockets: 1, destroy: () => undefined };

const CHOICES: readonly (readonly [name: string, network: Network])[] = [
  ["`agent`", { type: "agent", agent: AGENT, allowInsecureHttp: false }],
  ["`proxy`", { type: "proxy", url: "http://proxy.example:3128", allowInsecureHttp: false }],
  ["`proxy`", { type: "environment", allowInsecureHttp: false }],
  ["a `baseUrl` that begins with unix:", { type: "socket", path: "/run/llama.sock", allowInsecureHttp: false }],
];

test.each(CHOICES)("%s", async (name, network) => {
  const error: unknown = await inBrowsers(network)
    .load?.()
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ kind: "unsupported", message: expect.stringContaining(`does not support ${name}. `) });
  expect(error).toEqual(
    await elsewhere(network)
      .load?.()
      .catch((thrown: unknown) => thrown),
  );
});

test("no proxy is what a browser has anyway", async () => {
  expect(inBrowsers({ type: "direct", allowInsecureHttp: false }).load).toBeUndefined();
  await elsewhere({ type: "direct", allowInsecureHttp: false }).load?.();
});
