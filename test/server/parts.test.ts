import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { routeOf } from "../../src/dialects/route.ts";
import type { MessageChunk } from "../../src/index.ts";
import { coalesced } from "../../src/server/feed/coalesce.ts";
import { Cursor } from "../../src/server/feed/cursor.ts";
import type { LogEntry } from "../../src/server/index.ts";

const text = (content: string): MessageChunk => ({ type: "text", content, isFinal: false });
const reasoning = (said: string): MessageChunk => ({ type: "reasoning", content: "", reasoning: said, isFinal: false });
const delta = (index: number, argumentsDelta: string): MessageChunk => ({
  type: "toolCallDelta",
  content: "",
  index,
  id: `call_${index}`,
  name: "look",
  argumentsDelta,
  isFinal: false,
});
const rewind = (length: number): MessageChunk => ({
  type: "rewind",
  content: "",
  length,
  reasoningLength: 0,
  isFinal: false,
});

describe("joined chunks", () => {
  const chunk = fc.oneof(
    fc.string().map(text),
    fc.string().map(reasoning),
    fc.tuple(fc.nat(2), fc.string()).map(([index, said]) => delta(index, said)),
    fc.nat(3).map(rewind),
  );
  /** What a client makes of chunks, and where one kind follows another. */
  const folded = (chunks: readonly MessageChunk[]) => {
    const runs: string[] = [];
    let last = "";
    for (const one of chunks) {
      const kind = one.type === "toolCallDelta" ? `call ${one.index}` : one.type;
      const said =
        one.type === "reasoning" ? one.reasoning : one.type === "toolCallDelta" ? one.argumentsDelta : one.content;
      const own = one.type === "rewind" ? `${one.length}` : said;
      if (kind === last && one.type !== "rewind") runs.push(`${runs.pop() ?? ""}${own}`);
      else runs.push(`${kind}: ${own}`);
      last = kind;
    }
    return runs;
  };

  test("say what the single ones said, in the same order", () => {
    fc.assert(
      fc.property(fc.array(chunk), (chunks) => {
        expect(folded(coalesced(chunks))).toEqual(folded(chunks));
      }),
    );
  });

  test("are as few as there are changes of kind", () => {
    const few = coalesced([
      text("a"),
      text("b"),
      reasoning("c"),
      reasoning("d"),
      delta(0, "e"),
      delta(0, "f"),
      delta(1, "g"),
    ]);
    expect(few).toEqual([text("ab"), reasoning("cd"), delta(0, "ef"), delta(1, "g")]);
  });
});

describe("a cursor", () => {
  const chunks = (id: LogEntry["id"]): LogEntry => ({ id, type: "chunks", chunks: [] });
  const snapshot = (id: LogEntry["id"], after?: LogEntry["id"]): LogEntry =>
    ({ id, type: "snapshot", message: {}, ...(after && { after }) }) as LogEntry;
  const shown = (after: LogEntry["id"] | undefined, entries: readonly LogEntry[]): readonly string[] => {
    const cursor = new Cursor(after);
    return entries.filter((entry) => cursor.take(entry)).map(({ id }) => id);
  };
  const all = [1, 2, 3, 4].map((number) => chunks(`1-${number}`));

  test.each<[string, LogEntry["id"] | undefined, readonly LogEntry[], readonly string[]]>([
    ["of a new viewer shows all", undefined, all, ["1-1", "1-2", "1-3", "1-4"]],
    ["in the middle shows the rest", "1-2", all, ["1-3", "1-4"]],
    ["at the end shows nothing", "1-4", all, []],
    ["ahead shows what follows it", "1-3", [...all, chunks("1-5")], ["1-4", "1-5"]],
    ["far ahead shows nothing until then", "1-6", [...all, chunks("1-5"), chunks("1-6"), chunks("1-7")], ["1-7"]],
    ["before a gap shows nothing behind it", "1-2", [chunks("1-4"), chunks("1-5")], []],
    ["before a gap shows the snapshot behind it", "1-2", [chunks("1-4"), snapshot("1-5", "1-4")], ["1-5"]],
    ["at a snapshot's place skips it", "1-4", [snapshot("1-5", "1-4"), chunks("1-6")], ["1-6"]],
    ["elsewhere shows it", "1-3", [snapshot("1-5", "1-4"), chunks("1-6")], ["1-5", "1-6"]],
    [
      "ahead of a snapshot skips it",
      "1-7",
      [snapshot("1-5", "1-4"), chunks("1-6"), chunks("1-7"), chunks("1-8")],
      ["1-8"],
    ],
    ["of a later attempt shows its snapshot", "1-9", [snapshot("2-0", "1-4"), chunks("2-1")], ["2-0", "2-1"]],
    ["at the last entry before a later attempt goes on", "1-4", [snapshot("2-0", "1-4"), chunks("2-1")], ["2-1"]],
  ])("%s", (_name, after, entries, expected) => {
    expect(shown(after, entries)).toEqual(expected);
  });
});

describe("a route", () => {
  const of = (method: string, path: string, mount?: string) => routeOf({ method, url: `http://h${path}` }, mount);

  test.each([
    ["POST", "/api/chat", { name: "start" }],
    ["POST", "/api/chat/", { name: "start" }],
    ["POST", "/", { name: "start" }],
    ["GET", "/api/chat/poems/stream?after=1-2", { name: "attach", chat: "poems" }],
    ["POST", "/api/chat/poems/stop", { name: "stop", chat: "poems" }],
    ["GET", "/api/chat/poems", { name: "history", chat: "poems" }],
    ["DELETE", "/api/chat/poems", { name: "delete", chat: "poems" }],
    ["GET", "/api/chat/", { name: "list" }],
    ["GET", "/api/chat?cursor=", { name: "list" }],
    ["OPTIONS", "/api/chat/poems", { name: "preflight" }],
  ])("%s %s", (method, path, route) => {
    expect(of(method, path)).toEqual(route);
    if (path.startsWith("/api/chat")) expect(of(method, path, "/api/chat")).toEqual(route);
  });

  test.each([
    ["PUT", "/chat/poems", undefined, 405],
    ["DELETE", "/chat", "/chat", 404],
    ["DELETE", "/chat/poems/stream", "/chat", 404],
    ["GET", "/chat/a%2Fb/stream", undefined, 400],
    ["GET", "/chat/../x y/stream", undefined, 400],
    ["GET", "/other/poems/stream", "/chat", 404],
    ["GET", "/chatter/poems", "/chat", 404],
    ["POST", "/chat/poems", "/chat", 404],
    ["GET", "/chat/a/b/stream", "/chat", 404],
  ])("%s %s is refused", (method, path, mount, status) => {
    expect(() => of(method, path, mount)).toThrow(expect.objectContaining({ status }));
  });
});
