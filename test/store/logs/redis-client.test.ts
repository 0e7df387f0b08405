/** Redis clients are recognized by their methods. The real ones run in the tests of the log. */

import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { isRedisError, type RedisLike, redisClientOf } from "../../../src/store/redis/client.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A client of one's own that answers from a table; a string with a code is an error of Redis. */
function clientThat(answers: Readonly<Record<string, unknown>>): RedisLike {
  return {
    async command([name = ""]) {
      const answer = answers[name];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
}

test.each([
  ["an address alone", "redis://127.0.0.1"],
  ["nothing", undefined],
  ["an object without methods", { host: "127.0.0.1" }],
  ["a map", new Map()],
  ["a client of PostgreSQL", { query: async () => ({ rows: [] }) }],
])("%s in the place of a client is reported with the kinds that are known", (_name, client) => {
  expect(() => redisClientOf(client as unknown as RedisLike)).toThrow(/^The Redis client is of an unknown kind\. Pass/);
});

test("an error of one command leaves the replies of the others", async () => {
  const full = new Error("OOM command not allowed when used memory > 'maxmemory'.");
  const client = redisClientOf(clientThat({ GET: "1", SET: full, DEL: 0 }));
  expect(await client.pipeline([["GET"], ["SET"], ["DEL"]])).toEqual([{ value: "1" }, { error: full }, { value: 0 }]);
  await expect(client.command(["SET"])).rejects.toBe(full);
});

test("a connection that failed is not taken for an answer of Redis", async () => {
  const away = new Error("connect ECONNREFUSED 127.0.0.1:6379");
  const client = redisClientOf(clientThat({ GET: "1", SET: away }));
  await expect(client.pipeline([["GET"], ["SET"]])).rejects.toBe(away);
  expect([isRedisError(away), isRedisError(new Error("ERR syntax error")), isRedisError("ERR syntax error")]).toEqual([
    false,
    true,
    false,
  ]);
});

test("an address of Upstash is called with its token, and an answer that is not a list of replies is an error", async () => {
  const requests: { headers: IncomingHttpHeaders; body: string }[] = [];
  const answers = ['[{"result":null},{"error":"ERR syntax error"}]', '[{"result":"OK"}]', '{"error":"Unauthorized"}'];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    requests.push({ headers: request.headers, body });
    const answer = answers.shift() ?? "";
    response.writeHead(answer.includes("Unauthorized") ? 401 : 200, { "upstash-sync-token": "seen" }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  const client = redisClientOf({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, token: "secret" });

  const replies = await client.pipeline([["GET", "a"], ["BAD"]]);
  expect(replies.map(({ value, error }) => error?.message ?? value)).toEqual([null, "ERR syntax error"]);
  await expect(client.pipeline([["GET", "a"], ["BAD"]])).rejects.toThrow("2 replies");
  await expect(client.command(["GET", "é"])).rejects.toThrow(/status 401: .*Unauthorized/);
  expect(requests.map(({ body }) => body)).toEqual(['[["GET","a"],["BAD"]]', '[["GET","a"],["BAD"]]', '[["GET","é"]]']);
  expect(requests[1]?.headers).toMatchObject({ authorization: "Bearer secret", "upstash-sync-token": "seen" });
});
