/** `cloudllm serve`: a chat page and endpoints for other front ends, on one port. */

import type { ClientWrapper, SessionStore, Tool } from "../../index.ts";
import type { ReplyLog } from "../../server/index.ts";
import { budgetOf } from "../budget.ts";
import { CommandError } from "../command-error.ts";
import { quoted } from "../one-line.ts";
import { BUILT_IN, type Settings } from "../settings.ts";
import { failureLineOf } from "../status-line.ts";
import type { Terminal } from "../terminal.ts";
import { VERSION } from "../version.ts";
import { Access } from "./access.ts";
import { type Endpoint, endpointsOf } from "./endpoints.ts";
import { HttpServer, urlOf } from "./http-server.ts";
import { Metrics, measured } from "./metrics.ts";
import { type Choices, offeredModels } from "./offered-models.ts";
import { type PageFile, readPage } from "./page-files.ts";
import { type ServeSettings, tokenOf } from "./settings.ts";
import { siteOf } from "./site.ts";
import { openLog, openStore, type Place } from "./storage.ts";
import { toolsIn } from "./tools-module.ts";

/** Replies under way have this long to end after a signal, in milliseconds. */
const DRAIN_MS = 10_000;

/**
 * Serves until SIGTERM or Ctrl-C. Resolves with the exit code, when replies under way have ended and everything is
 * kept.
 * @throws {CommandError} when an option is refused, or a place cannot be opened
 */
export async function serve(
  choices: Choices,
  serving: ServeSettings,
  settings: Settings,
  terminal: Terminal,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const token = tokenOf(serving, env);
  const page = await readPage();
  const tools = serving.tools === undefined ? [] : await toolsIn(serving.tools);
  const hasToy = [choices.first, ...choices.others].some(({ client }) => client.provider === BUILT_IN);
  if (hasToy && tools.length > 0) {
    throw new CommandError("The built-in toy model takes no tools. Leave out --tools, or choose another model.", 1);
  }
  const store = await openStore(serving.store, env);
  try {
    const log = await openLog(serving.log);
    try {
      const kept = { store, log };
      return await serveUntilEnded({ choices, serving, settings, terminal, token, page, tools, ...kept });
    } finally {
      await log.close();
    }
  } finally {
    await store.close();
  }
}

/** Everything that a server needs, opened. */
interface Opened {
  readonly choices: Choices;
  readonly serving: ServeSettings;
  readonly settings: Settings;
  readonly terminal: Terminal;
  readonly token: string | undefined;
  readonly page: ReadonlyMap<string, PageFile>;
  readonly tools: readonly Tool[];
  readonly store: Place<SessionStore>;
  readonly log: Place<ReplyLog>;
}

async function serveUntilEnded(opened: Opened): Promise<number> {
  const { choices, serving, settings, terminal, token, page, tools, store, log } = opened;
  const { stderr } = terminal;
  const { note } = choices.first;
  const metrics = new Metrics();
  const models = await offeredModels(choices, (client) => measured(client, metrics));
  const [{ client }] = models;
  const { rows: endpoints, drain } = endpointsOf({
    models,
    store: store.kept,
    log: log.kept,
    isLogShared: serving.log.type !== "memory",
    tools,
    systemPrompt: settings.system,
    budget: await budgetOf(
      settings,
      [choices.first, ...choices.fallbacks, ...choices.others].map(({ client }) => client),
    ),
    onError: (error) => void stderr.line(failureLineOf(error)),
  });
  let isReady = true;
  const site = siteOf({
    access: new Access(token),
    endpoints,
    page,
    info: {
      version: VERSION,
      provider: client.provider,
      model: client.model,
      models: models.map(({ name }) => name),
      tools: tools.map(({ name }) => name),
      ...(note !== undefined && { note }),
    },
    metrics,
    viewers: () => server.viewers,
    isReady: () => isReady,
    port: () => server.port,
    onDefect: (error) => void stderr.line(`cloudllm: ${error instanceof Error ? error.message : String(error)}`),
  });
  const server: HttpServer = new HttpServer(site, (line) => {
    if (!settings.quiet) void stderr.aside(line);
  });
  const end = signalled(terminal);
  try {
    await server.listen(serving.port, serving.host);
    const url = urlOf(serving.host, server.port);
    await terminal.stdout.line(url);
    if (!settings.quiet) {
      const names = models.map(({ name }) => name);
      const about = {
        client,
        names,
        store: store.label,
        log: log.label,
        endpoints,
        url,
        hasToken: token !== undefined,
      };
      for (const line of overviewOf(about)) await stderr.line(line);
    }
    await end.first;
    isReady = false;
    if (!settings.quiet && metrics.running > 0) {
      await stderr.line(`Replies under way have ${DRAIN_MS / 1_000} s to end. A second signal ends them now.`);
    }
    const isDrained = await Promise.race([drain(DRAIN_MS).then(() => true), end.second.then(() => false)]);
    if (!isDrained) await drain(0);
    await server.close();
    return isDrained ? 0 : 130;
  } finally {
    end.off();
  }
}

/** The moments of the first and of the second signal to end. `off` gives the signals back. */
function signalled(terminal: Terminal): {
  readonly first: Promise<void>;
  readonly second: Promise<void>;
  readonly off: () => void;
} {
  const waiting: (() => void)[] = [];
  const next = () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
    });
  const [first, second] = [next(), next()];
  return { first, second, off: terminal.onEnd(() => waiting.shift()?.()) };
}

interface About {
  readonly client: ClientWrapper;
  /** The names of the models that can be chosen. */
  readonly names: readonly string[];
  readonly store: string;
  readonly log: string;
  readonly endpoints: readonly Endpoint[];
  readonly url: string;
  readonly hasToken: boolean;
}

/** The lines that say what is where. */
function overviewOf({ client, names, store, log, endpoints, url, hasToken }: About): readonly string[] {
  const rows = [
    [url, "the chat page"],
    ...endpoints.map(({ path, label }) => [`${url}${path}`, `for ${label}`]),
    [`${url}/metrics`, "figures for Prometheus; /healthz for a monitor"],
  ];
  const width = Math.max(...rows.map(([address = ""]) => address.length));
  return [
    `cloudllm ${VERSION} · ${quoted(client.provider)} · ${quoted(client.model)}`,
    ...rows.map(([address = "", purpose]) => `  ${address.padEnd(width)}  ${purpose}`),
    ...(names.length > 1 ? [`Models to choose: ${names.map((name) => quoted(name)).join(", ")}.`] : []),
    `Conversations are kept in ${quoted(store)}; running replies in ${quoted(log)}.`,
    hasToken ? "Everything but /healthz needs the token." : "Only this machine can use it. Ctrl-C ends it.",
  ];
}
