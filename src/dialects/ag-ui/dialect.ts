/** AG-UI as a dialect of the relay: its own clients, and TanStack AI, which asks for more. */

import { type Dialect, jsonBody, type RequestLine, type Route } from "../dialect.ts";
import { badRequest, notFound } from "../refusal.ts";
import { routeOf } from "../route.ts";
import { copilotRouteOf } from "./copilot-kit.ts";
import { AgUiEncoder } from "./encoder.ts";
import { placeOf } from "./event-ids.ts";
import { agUiHistory, type HistoryPage, tanStackHistory, withoutReply } from "./history.ts";
import { chatInPath, chatOfThread, runOf, startOf } from "./request.ts";

/**
 * The wire of `HttpAgent` (`@ag-ui/client`), CopilotKit's agents, and TanStack AI's `fetchServerSentEvents`.
 *
 * - `POST` takes a `RunAgentInput`. With `Last-Event-ID`, the reply continues behind that event.
 * - `GET ?runId=…` shows a run from its beginning. `GET ?threadId=…` returns the conversation as TanStack AI loads it,
 *   and `GET …/:threadId` as messages of AG-UI.
 * - `POST …/:threadId/stop` stops the reply. These clients' own stop only closes their connection.
 * - Below its path are also the routes of a CopilotKit runtime: see `copilot-kit.ts`.
 * @see https://docs.ag-ui.com
 */
export const agUi: Dialect = {
  name: "agUi",
  onBusy: "replace",
  routeOf(request, mount) {
    const url = new URL(request.url);
    const { searchParams } = url;
    if (request.method === "OPTIONS") return { name: "preflight" };
    const copilot = copilotRouteOf(request.method, pathIn(url, mount));
    if (copilot) return copilot;
    const runId = searchParams.get("runId");
    const threadId = searchParams.get("threadId");
    if (request.method !== "GET" || (runId === null && threadId === null)) {
      return routeOf(withChatName(request, mount), mount);
    }
    if (mount !== undefined && pathIn(url, mount).replace(/\/$/, "") !== "") throw notFound();
    if (runId !== null) return joinOf(request, runId);
    const page = pageOf(searchParams);
    return {
      name: "history",
      chat: chatOfThread(threadId),
      answer: (history) => jsonBody(tanStackHistory(history, page)),
    };
  },
  startOf,
  encoder: (reply) => new AgUiEncoder(reply, { comesBack: false }),
  refusal: (error) => jsonBody({ error }),
  history: (history) => jsonBody({ messages: agUiHistory(history) }),
  stopped: (run, stopped) => jsonBody({ run, stopped }),
};

/**
 * Returns the path behind that of the relay.
 * @throws {Refusal} 404 for another path
 */
function pathIn({ pathname }: URL, mount = ""): string {
  if (mount === "" || pathname === mount || pathname.startsWith(`${mount}/`)) return pathname.slice(mount.length);
  throw notFound();
}

/** The thread in a path may have any name, which the path encodes. */
function withChatName({ method, url, headers }: RequestLine, mount = ""): RequestLine {
  const { origin, pathname, search } = new URL(url);
  const end = method === "POST" ? /([^/]+)(\/stop\/?)$/ : /([^/]+)((?:\/stream)?\/?)$/;
  const rest = pathname.slice(mount.length).replace(end, (_all, thread: string, after: string) => {
    return chatInPath(thread) + after;
  });
  return { method, headers, url: origin + pathname.slice(0, mount.length) + rest + search };
}

/** A page that was loaded again watches its run from the beginning, and then from where it was. */
function joinOf({ headers }: RequestLine, runId: string): Route {
  const last = headers.get("last-event-id");
  const seen = last === null ? undefined : placeOf(last);
  return {
    name: "attach",
    run: (user) => runOf(user, runId),
    encoder: (reply) => {
      const conversation = reply.history && withoutReply(reply.history);
      return new AgUiEncoder(reply, { runId, conversation, seen, comesBack: true, hasBeenAway: true });
    },
    withHistory: true,
  };
}

function pageOf(query: URLSearchParams): HistoryPage {
  const limit = query.get("limit");
  if (limit !== null && !/^[1-9]\d{0,5}$/.test(limit)) throw badRequest("`limit` must be an integer above 0.");
  return { limit: limit === null ? undefined : Number(limit), before: query.get("before") ?? undefined };
}
