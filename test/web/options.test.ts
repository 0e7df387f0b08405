/** The options of the client of a relay, and of chats. */

import { describe, expect, test } from "vitest";
import {
  type ChatsOptions,
  createChats,
  type RelayClientOptions,
  relayClient,
  type TypedClient,
} from "../../src/web/index.ts";
import { fakeRelay, URL_OF_RELAY } from "../support/fake-relay.ts";

/** All options that there are. */
const SHARED = { url: URL_OF_RELAY, headers: {}, fetch: fakeRelay(() => undefined).fetch, model: "small" } as const;
const OF_CHATS: ChatsOptions = { ...SHARED, credentials: "include", reconnectForMs: 1, options: { temperature: 1 } };
const OF_CLIENT: RelayClientOptions = {
  ...SHARED,
  credentials: "include",
  reconnectForMs: 1,
  chat: "c",
  onLeave: "detach",
  onRun: () => undefined,
  timeouts: {},
  retries: 0,
  maxReplyBytes: 1,
};

describe.each<[string, (options: never) => TypedClient | object, object]>([
  ["createChats", createChats, OF_CHATS],
  ["relayClient", relayClient, OF_CLIENT],
])("%s", (_name, make, all) => {
  test("a misspelt option is refused, so that no reply comes from another model in silence", () => {
    const options = { url: URL_OF_RELAY, modle: "large" } as never;
    expect(() => make(options)).toThrow(/^Unknown option `modle`. Valid options: url, headers, .*model/);
  });

  test("a misspelt address is named", () => {
    expect(() => make({ ulr: URL_OF_RELAY } as never)).toThrow("Unknown option `ulr`.");
  });

  test("an address that is missing is asked for", () => {
    for (const options of [undefined, null, {}, { url: "" }]) {
      expect(() => make(options as never)).toThrow("The option `url` is missing");
    }
  });

  test("all options that there are are taken", () => {
    expect(make(all as never)).toBeDefined();
  });
});

test("an address without a host is refused at once outside a page, and not tried for a minute", async () => {
  const client = relayClient({ url: "/api/chat" });
  await expect(client.sendMessage([{ role: "user", content: "Hi" }])).rejects.toMatchObject({
    kind: "invalidRequest",
    message: "The `url` is not complete. Outside a page, begin it with https://.",
  });
});
