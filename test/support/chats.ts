/** Chats of a page whose relay is in the same process. */

import { createRelay, memoryLog, type Relay, type RelayOptions } from "../../src/server/index.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { type ReplyScript, type ScriptedClient, scriptedClient } from "../../src/testing/index.ts";
import { type Chat, type Chats, type ChatsOptions, createChats } from "../../src/web/index.ts";

const RELAY_URL = "http://relay.test/chat";

/** A relay that keeps conversations, and the chats of one page. */
export interface ChatSite {
  readonly relay: Relay;
  readonly provider: ScriptedClient;
  readonly store: MemoryStore;
  readonly chats: Chats;
  /** The requests so far, as `POST /c/stop`. */
  readonly requests: readonly string[];
  /** Returns the chats of another page, or of the same one after a reload. */
  reload(): Chats;
}

export function chatSite(
  scripts: readonly ReplyScript[] | (() => ReplyScript),
  options: Partial<RelayOptions> = {},
  page: Partial<ChatsOptions> = {},
): ChatSite {
  const provider = scriptedClient(scripts);
  const store = new MemoryStore();
  const relay = createRelay({
    client: provider,
    authorize: "public",
    path: "/chat",
    log: memoryLog(),
    sessions: { store },
    expose: { reasoning: true, usage: true },
    onError: () => undefined,
    ...options,
  });
  const requests: string[] = [];
  const fetch = (input: string, init: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    requests.push(`${request.method} ${request.url.slice(RELAY_URL.length)}`);
    return relay.handle(request);
  };
  const reload = (): Chats => createChats({ url: RELAY_URL, fetch, ...page });
  return { relay, provider, store, requests, reload, chats: reload() };
}

/** Resolves when the chat's snapshot is as wanted. */
export function until(chat: Chat, isThere: (snapshot: Chat["snapshot"]) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isThere(chat.snapshot)) return;
      resolve();
      leave();
    };
    let leave: () => void = () => undefined;
    leave = chat.subscribe(look);
    look();
  });
}

/** Returns the messages in short, such as `user: Hi`. */
export function said({ snapshot }: Chat): readonly string[] {
  return snapshot.messages.map(({ role, content }) => `${role}: ${content}`);
}
