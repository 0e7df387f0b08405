/** The endpoints of the server by path: one relay in several dialects, and a gateway. All share one client. */

import type { ClientWrapper, SendError, SessionStore, Tool, TurnBudget } from "../../index.ts";
import { agUi, aiSdk, createGateway, createRelay, type Dialect, native, type ReplyLog } from "../../server/index.ts";
import { quoted } from "../one-line.ts";

/** The parts that the endpoints share. */
export interface Parts {
  readonly client: ClientWrapper;
  readonly store: SessionStore;
  readonly log: ReplyLog;
  /** Whether other processes, and this one after a restart, have the log. */
  readonly isLogShared: boolean;
  readonly tools: readonly Tool[];
  readonly systemPrompt: string | undefined;
  /** Limits how much of a conversation is sent, in tokens. */
  readonly maxTokens: number | undefined;
  /** Limits each turn of a conversation. */
  readonly budget: TurnBudget | undefined;
  /** Called with each failure, unmasked. */
  readonly onError: (error: SendError) => void;
}

/** A handler of requests to a path, and to every path below it. */
export interface Endpoint {
  readonly path: string;
  /** More paths of the same handler. */
  readonly otherPaths?: readonly string[];
  /** Its purpose, in a few words. */
  readonly label: string;
  readonly handle: (request: Request) => Promise<Response>;
}

/** All endpoints, and their end. */
export interface Endpoints {
  readonly rows: readonly Endpoint[];
  /** Refuses new replies, and resolves when those under way are over or `withinMs` have passed. */
  readonly drain: (withinMs: number) => Promise<void>;
}

/** The front ends of the relay. A new dialect is a row. */
const FRONT_ENDS: readonly { readonly path: string; readonly label: string; readonly dialect: Dialect }[] = [
  { path: "/relay", label: "cloudllm/web and cloudllm/react", dialect: native },
  { path: "/api/chat", label: "useChat of the AI SDK", dialect: aiSdk },
  { path: "/ag-ui", label: "AG-UI, CopilotKit and TanStack AI", dialect: agUi },
];

/** Programs are given the address with and without `/v1`. */
const WITHOUT_VERSION = ["/chat/completions", "/responses", "/messages", "/models"];

/** There is one user: all that may use the server. */
const USER = { user: "local" };

/** Several tabs and devices of one person, and tools that take their time. */
const LIMITS = { runsPerUser: 32, bodyBytes: 16_777_216, totalMs: 3_600_000 };

const MAX_REASON = 500;

export function endpointsOf(parts: Parts): Endpoints {
  const { client, store, log, isLogShared, tools, systemPrompt, maxTokens, budget, onError } = parts;
  const shared = {
    client,
    authorize: () => USER,
    // The user is the one who started the server, and mends what is wrong with it.
    describe: ({ message }: SendError) => quoted(message, MAX_REASON),
    onError,
  };
  const relay = createRelay({
    ...shared,
    log,
    sessions: { store, ...(maxTokens !== undefined && { maxTokens }) },
    systemPrompt,
    tools,
    budget,
    limits: LIMITS,
    expose: { reasoning: true, providerTools: true },
  });
  // A turn of a conversation is never continued: the relay needs no `recover`.
  const gateway = createGateway({ ...shared, log, recover: isLogShared ? "continue" : undefined });
  return {
    rows: [
      ...FRONT_ENDS.map(({ path, label, dialect }) => ({ path, label, handle: relay.handlerFor(dialect, { path }) })),
      {
        path: "/v1",
        otherPaths: WITHOUT_VERSION,
        label: "programs that speak OpenAI's or Anthropic's API",
        handle: gateway.handle,
      },
    ],
    drain: async (withinMs) => {
      await Promise.all([relay.drain(withinMs), gateway.drain(withinMs)]);
    },
  };
}
