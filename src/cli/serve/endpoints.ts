/** The endpoints of the server by path. Each is a handler of `cloudllm/server`; all share one client and one log. */

import type { ClientWrapper, SendError, SessionStore, Tool } from "../../index.ts";
import { createRelay, type RelayOptions, type ReplyLog } from "../../server/index.ts";
import { quoted } from "../one-line.ts";

/** The parts that the endpoints share. */
export interface Parts {
  readonly client: ClientWrapper;
  readonly store: SessionStore;
  readonly log: ReplyLog;
  readonly tools: readonly Tool[];
  readonly systemPrompt: string | undefined;
  /** Limits how much of a conversation is sent, in tokens. */
  readonly maxTokens: number | undefined;
  /** Called with each failure, unmasked. */
  readonly onError: (error: SendError) => void;
}

/** A handler of requests, and the paths that are its own. */
export interface Endpoint {
  /** The path, and every path below it. */
  readonly path: string;
  /** Its purpose, in a few words. */
  readonly label: string;
  readonly handle: (request: Request) => Promise<Response>;
  /** Refuses new replies, and resolves when those under way are over or `withinMs` have passed. */
  readonly drain: (withinMs: number) => Promise<void>;
}

/** There is one user: all that may use the server. */
const USER = { user: "local" };

/** Several tabs and devices of one person. */
const LIMITS = { runsPerUser: 32, bodyBytes: 16_777_216 };

const MAX_REASON = 500;

/** Returns the endpoints. A new dialect is a row. */
export function endpointsOf(parts: Parts): readonly Endpoint[] {
  return [relayAt("/relay", "the relay, for cloudllm/web", parts)];
}

function relayAt(path: string, label: string, parts: Parts): Endpoint {
  const { client, store, log, tools, systemPrompt, maxTokens, onError } = parts;
  const options: RelayOptions = {
    client,
    authorize: () => USER,
    log,
    sessions: { store, ...(maxTokens !== undefined && { maxTokens }) },
    systemPrompt,
    tools,
    path,
    limits: LIMITS,
    expose: { reasoning: true, providerTools: true },
    // The user is the one who started the server, and mends what is wrong with it.
    describe: ({ message }) => quoted(message, MAX_REASON),
    onError,
  };
  return { path, label, ...createRelay(options) };
}
