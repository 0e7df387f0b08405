/**
 * The routes of CopilotKit's runtime, with one agent, which is this relay: `GET …/info`, and `POST …/agent/:id/run`,
 * `/connect` and `/stop/:threadId`. They are read from `@copilotkit/core` 1.75.
 */

import { isJsonObject } from "../../platform/json-object.ts";
import { type BodyRoute, type DialectBody, jsonBody, type Route } from "../dialect.ts";
import type { ChatHistory } from "../native/wire.ts";
import { badRequest } from "../refusal.ts";
import { AgUiEncoder } from "./encoder.ts";
import { finishOfPause } from "./endings.ts";
import { EventWriter } from "./event-ids.ts";
import type { AgUiEvent } from "./events.ts";
import { agUiHistory, interruptsOf, withoutReply } from "./history.ts";
import { chatInPath, chatOfThread, runOf } from "./request.ts";

/** The agent that CopilotKit uses where a page names none. Requests may name any. */
const AGENT = "default";

const AGENT_PATH = /\/agent\/[^/]+\/(run|connect|stop\/([^/]+))\/?$/;

/** Returns the route of a request of CopilotKit; `undefined` for any other request. */
export function copilotRouteOf(method: string, path: string): Route | undefined {
  if (method === "GET" && /\/info\/?$/.test(path)) {
    return { name: "answer", body: jsonBody({ agents: { [AGENT]: { description: "" } }, mode: "sse" }) };
  }
  const [, operation, thread] = method === "POST" ? (AGENT_PATH.exec(path) ?? []) : [];
  if (operation === undefined) return undefined;
  if (operation === "run") return { name: "start" };
  if (operation === "connect") return { name: "inBody", routeOf: connectionOf };
  return { name: "inBody", routeOf: (body, user) => stopOf(thread ?? "", body, user) };
}

/** The run is absent when the page does not know which one is being written. */
async function stopOf(thread: string, body: unknown, user: string): Promise<BodyRoute> {
  const runId = isJsonObject(body) ? body.runId : undefined;
  return { name: "stop", chat: chatInPath(thread), ...(runId !== undefined && { run: await runOf(user, runId) }) };
}

/** A page that opens a thread gets its conversation, and the reply that is being written. */
function connectionOf(body: unknown): BodyRoute {
  if (!isJsonObject(body)) throw badRequest("The body must be an object.");
  const { threadId, runId } = body;
  const chat = chatOfThread(threadId);
  const ids = { threadId: String(threadId), runId: typeof runId === "string" ? runId : "connect" };
  return {
    name: "attach",
    chat,
    withHistory: true,
    encoder: (reply) => {
      const conversation = reply.history && withoutReply(reply.history);
      return new AgUiEncoder(reply, { ...ids, conversation, needsConversation: true, comesBack: false });
    },
    idle: (history) => conversationBody(history, ids),
  };
}

function conversationBody(
  history: ChatHistory | undefined,
  ids: { readonly threadId: string; readonly runId: string },
): DialectBody {
  const writer = new EventWriter(undefined);
  const events: readonly AgUiEvent[] = [
    { type: "RUN_STARTED", ...ids },
    ...(history ? [{ type: "MESSAGES_SNAPSHOT", messages: agUiHistory(history) } as const] : []),
    { type: "RUN_FINISHED", ...ids, ...(history && finishOfPause(interruptsOf(history))) },
  ];
  const text = events.map((event) => writer.write(event)).join("");
  return { contentType: "text/event-stream; charset=utf-8", text };
}
