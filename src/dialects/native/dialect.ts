/** The relay's own wire as a dialect. */

import { isJsonObject } from "../../platform/json-object.ts";
import { type Dialect, jsonBody } from "../dialect.ts";
import { badRequest } from "../refusal.ts";
import { routeOf } from "../route.ts";
import { shownHistory } from "./shown-history.ts";

/** The wire of `relayClient` and `createChats` of `cloudllm/web`. */
export const native: Dialect = {
  name: "native",
  routeOf(request, mount) {
    const route = routeOf(request, mount);
    if (route.name !== "history" && route.name !== "attach") return route;
    const { searchParams } = new URL(request.url);
    if (route.name === "history") {
      if (searchParams.get("view") !== "page") return route;
      return { ...route, answer: (history) => jsonBody(shownHistory(history)) };
    }
    const after = searchParams.get("after") ?? request.headers.get("last-event-id") ?? undefined;
    return { ...route, after, run: searchParams.get("run") ?? undefined };
  },
  startOf(body, headers) {
    if (!isJsonObject(body)) throw badRequest("The body must be an object.");
    const after = headers.get("last-event-id");
    return { request: body, ...(after !== null && { watches: { after } }) };
  },
  refusal: (error) => jsonBody({ error }),
  history: jsonBody,
  stopped: (run, stopped) => jsonBody({ run, stopped }),
};
