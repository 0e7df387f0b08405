/** The endpoints of the server by path: one relay in several dialects, and a gateway. All share one client. */

import type { ClientWrapper, SendError, SessionStore, Tool, TurnBudget } from "../../index.ts";
import { agUi, aiSdk, createGateway, createRelay, type Dialect, native, type ReplyLog } from "../../server/index.ts";
import { quoted } from "../one-line.ts";
import type { OfferedModel } from "./offered-models.ts";
import { readingTextFiles } from "./text-files.ts";

/** The parts that the endpoints share. */
export interface Parts {
  /** The models; the first one answers where none is chosen. */
  readonly models: readonly [OfferedModel, ...OfferedModel[]];
  readonly store: SessionStore;
  readonly log: ReplyLog;
  /** Whether other processes, and this one after a restart, have the log. */
  readonly isLogShared: boolean;
  readonly tools: readonly Tool[];
  readonly systemPrompt: string | undefined;
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

/** The advice to a program, at the end of a sentence about what a model cannot do. */
const FOR_PROGRAMS = / Leave it out, or set `unsupported: "ignore"`\.$/;

/** Returns the endpoints, which share one client, one log and one user. */
export function endpointsOf(parts: Parts): Endpoints {
  const { models, store, log, isLogShared, tools, systemPrompt, budget, onError } = parts;
  const shared = { authorize: () => USER, describe: sentenceOf, onError };
  const readers = models.map((model) => ({ ...model, client: readingTextFiles(model.client) }));
  const [first = models[0]] = readers;
  const limits = new Map(readers.map(({ client, maxTokens }) => [client, maxTokens]));
  const relay = createRelay({
    ...shared,
    client: first.client,
    ...(readers.length > 1 && { allow: ["model"], models: clientsOf(readers) }),
    log,
    sessions: { store, maxTokens: (client) => limits.get(client) },
    systemPrompt,
    tools,
    budget,
    limits: LIMITS,
    expose: { reasoning: true, providerTools: true },
  });
  // A reply of a conversation ends with its server, and the page says so at once: without `recover`.
  const gateway = createGateway({
    ...shared,
    client: models[0].client,
    ...(models.length > 1 && { models: clientsOf(models) }),
    log,
    recover: isLogShared ? "continue" : undefined,
  });
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

/** The user is the one who started the server, and mends what is wrong with it. */
function sentenceOf({ kind, status, message }: SendError): string {
  // A limit of this server's own, whose words are for programs.
  if (kind === "contextLength" && status === undefined) return "The message is too long for this model.";
  return quoted(message.replace(FOR_PROGRAMS, ""), MAX_REASON);
}

function clientsOf(models: readonly OfferedModel[]): Readonly<Record<string, ClientWrapper>> {
  return Object.fromEntries(models.map(({ name, client }) => [name, client]));
}
