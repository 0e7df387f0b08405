/** Limits that several processes share through Redis. Each question is one script, so one round trip. */

import { allNames, checkNames } from "../../contract/unknown-option.ts";
import { receivedText } from "../../platform/received.ts";
import type { SharedAnswer, SharedCall, SharedWindow } from "../../reliability/shared-window.ts";
import { type RedisClient, type RedisLike, redisClientOf } from "./client.ts";
import { keyPart } from "./key.ts";

/** The options of `redisWindow`. */
export interface RedisWindowOptions {
  /** The name of the limit: processes with the same name share it. Such as the account at the provider. */
  readonly name: string;
  /**
   * The beginning of every key.
   * @default "cloudllm"
   */
  readonly prefix?: string | undefined;
  /**
   * Maximum time for a round trip, in milliseconds. A call that has waited so long begins by the limits of its process.
   * @default 1_000
   */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 1_000;
const MINUTE_MS = 60_000;
/** A call asks again after this time at the latest, in milliseconds. */
const MAX_PAUSE_MS = 1_000;
/** Time after the moment at which it should have asked again until a call in the line counts as dead. */
const LINE_MS = 2_000;
/** So much later than it should have asked, a call in the line may be overtaken, in milliseconds. */
const GRACE_MS = 25;

/**
 * Returns a window in Redis for `rateLimit`: all processes with the same name keep the limits together. Time is that of
 * the Redis server. A process that dies keeps its place in the line for three seconds, and what it has begun counts for
 * a minute.
 *
 * @param redis a connected client. The window does not close it.
 * @throws {TypeError} when the client or an option is invalid
 * @example
 * ```ts
 * import { type ClientWrapper, rateLimit } from "cloudllm";
 * import { type RedisLike, redisWindow } from "cloudllm/store/redis";
 *
 * export function limited(client: ClientWrapper, redis: RedisLike): ClientWrapper {
 *   return rateLimit(client, {
 *     requestsPerMinute: 600,
 *     shared: redisWindow(redis, { name: "openai" }),
 *     onUnshared: (error) => console.warn("Each process keeps the limit for itself:", error),
 *   });
 * }
 * ```
 */
export function redisWindow(redis: RedisLike, options: RedisWindowOptions): SharedWindow {
  checkNames(options, allNames<RedisWindowOptions>({ name: true, prefix: true, timeoutMs: true }));
  const { name, prefix = "cloudllm", timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  for (const [option, value] of Object.entries({ name, prefix }))
    if (typeof value !== "string")
      throw new TypeError(`\`${option}\` must be a string. Received ${receivedText(value)}.`);
  if (!(typeof timeoutMs === "number" && timeoutMs >= 1))
    throw new TypeError(
      `\`timeoutMs\` must be a number of milliseconds, at least 1. Received ${receivedText(timeoutMs)}.`,
    );
  return new RedisWindow(redisClientOf(redis), `${prefix}:limit:{${keyPart(name)}}`, timeoutMs);
}

/**
 * The names of the keys in every script.
 * - `calls`: sorted set of the calls of the last minute, by the time when they began.
 * - `line`: sorted set of the calls that wait, by their place.
 * - `due`: sorted set of the calls that wait, by the time at which they ask again.
 * - `tokens`: hash of the tokens of each call; `sum` is that of the calls that began.
 * - `closed`: exists while the provider may not be asked.
 */
const NAMES = ["calls", "line", "due", "tokens", "closed"];

const KEYS = `
local calls, line, due, tokens, closed = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]`;

/**
 * ARGV: id, tokens, limit of requests, limit of tokens (0: none), length of the window, time in the line.
 * Returns the time to wait and the time until the provider may be asked.
 */
const ASK = `${KEYS}
local id, want, maxRequests, maxTokens = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local window, lineMs, maxPauseMs, graceMs = tonumber(ARGV[5]), tonumber(ARGV[6]), ${MAX_PAUSE_MS}, ${GRACE_MS}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function tokensOf(call) return tonumber(redis.call('HGET', tokens, call) or 0) end

for _, call in ipairs(redis.call('ZRANGEBYSCORE', calls, '-inf', now - window)) do
  redis.call('HINCRBYFLOAT', tokens, 'sum', -tokensOf(call))
  redis.call('ZREM', calls, call)
  redis.call('HDEL', tokens, call)
end
-- A sum without calls is that of calls that Redis has evicted: it would count for ever.
if redis.call('ZCARD', calls) == 0 then redis.call('HDEL', tokens, 'sum') end
for _, call in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now - lineMs)) do
  redis.call('ZREM', line, call)
  redis.call('ZREM', due, call)
  redis.call('HDEL', tokens, call)
end
-- A question that a client repeats after a break: the first one was answered with "begin".
if redis.call('ZSCORE', calls, id) then return {0, 0} end
if not redis.call('ZSCORE', line, id) then
  local last = redis.call('ZREVRANGE', line, 0, 0, 'WITHSCORES')
  redis.call('ZADD', line, (tonumber(last[2]) or 0) + 1, id)
  redis.call('HSET', tokens, id, want)
end

local closedMs = math.max(0, redis.call('PTTL', closed))
local rank = redis.call('ZRANK', line, id)
local begun = redis.call('ZCARD', calls)
local wait = closedMs
if maxRequests > 0 and begun + rank + 1 > maxRequests then
  -- So many calls must grow old. A limit below one lets one call begin when there is none.
  local index = math.min(begun, math.ceil(begun + rank + 1 - maxRequests)) - 1
  local oldest = redis.call('ZRANGE', calls, index, index, 'WITHSCORES')
  if index >= 0 then wait = math.max(wait, oldest[2] + window - now) end
  if index < 0 and rank > 0 then wait = math.max(wait, 20) end
end
if maxTokens > 0 then
  local over = tonumber(redis.call('HGET', tokens, 'sum') or 0) + want - maxTokens
  if rank > 0 then
    for _, call in ipairs(redis.call('ZRANGE', line, 0, rank - 1)) do over = over + tokensOf(call) end
  end
  local first, freed = 0, nil
  while over > 0.001 and first < begun do
    local some = redis.call('ZRANGE', calls, first, first + 99, 'WITHSCORES')
    for index = 1, #some, 2 do
      if over <= 0.001 then break end
      over = over - tokensOf(some[index])
      freed = some[index + 1]
    end
    first = first + 100
  end
  -- A call above the limit begins when nothing else counts.
  if freed then wait = math.max(wait, freed + window - now)
  elseif over > 0.001 and rank > 0 then wait = math.max(wait, 20) end
end

-- There is room, and the calls before this one are about to take theirs. One that does not come in time is overtaken.
if wait <= 0 and rank > 0 then
  for _, call in ipairs(redis.call('ZRANGE', line, 0, rank - 1)) do
    local late = (redis.call('ZSCORE', due, call) or 0) + graceMs - now
    if late > 0 then wait = math.max(wait, 5, late) end
  end
end

if wait > 0 then
  redis.call('ZADD', due, now + math.min(wait, maxPauseMs), id)
else
  redis.call('ZREM', line, id)
  redis.call('ZREM', due, id)
  redis.call('ZADD', calls, now, id)
  redis.call('HINCRBYFLOAT', tokens, 'sum', want)
end
for _, key in ipairs({calls, line, due, tokens}) do redis.call('PEXPIRE', key, window * 2) end
return {math.ceil(wait), closedMs}`;

/** ARGV: id. */
const LEAVE = `${KEYS}
if redis.call('ZREM', line, ARGV[1]) == 1 then redis.call('HDEL', tokens, ARGV[1]) end
redis.call('ZREM', due, ARGV[1])`;

/** ARGV: id, tokens. */
const SETTLE = `${KEYS}
if redis.call('ZSCORE', calls, ARGV[1]) then
  redis.call('HINCRBYFLOAT', tokens, 'sum', ARGV[2] - tonumber(redis.call('HGET', tokens, ARGV[1]) or 0))
  redis.call('HSET', tokens, ARGV[1], ARGV[2])
end`;

/** ARGV: milliseconds. */
const CLOSE = `${KEYS}
if redis.call('PTTL', closed) < tonumber(ARGV[1]) then redis.call('SET', closed, '', 'PX', ARGV[1]) end`;

/** Exported for tests, which do not wait a minute. */
export class RedisWindow implements SharedWindow {
  readonly #client: RedisClient;
  readonly #keys: readonly string[];
  readonly #timeoutMs: number;
  readonly #windowMs: number;
  readonly #lineMs: number;

  constructor(
    client: RedisClient,
    place: string,
    timeoutMs: number,
    windowMs: number = MINUTE_MS,
    lineMs: number = LINE_MS,
  ) {
    this.#client = client;
    this.#keys = NAMES.map((name) => `${place}:${name}`);
    this.#timeoutMs = timeoutMs;
    this.#windowMs = windowMs;
    this.#lineMs = lineMs;
  }

  async ask({ id, tokens, requestsPerMinute = 0, tokensPerMinute = 0 }: SharedCall): Promise<SharedAnswer> {
    const limits = [requestsPerMinute, tokensPerMinute].map((limit) => (Number.isFinite(limit) ? limit : 0));
    const answer = await this.#run(ASK, [id, tokens, ...limits, this.#windowMs, this.#lineMs]);
    const [waitMs, closedMs] = (answer as readonly unknown[]).map(Number) as [number, number];
    return { waitMs, closedMs };
  }

  async leave(id: string): Promise<void> {
    await this.#run(LEAVE, [id]);
  }

  async settle(id: string, tokens: number): Promise<void> {
    await this.#run(SETTLE, [id, tokens]);
  }

  async close(forMs: number): Promise<void> {
    await this.#run(CLOSE, [Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(forMs))]);
  }

  /** Drivers keep commands while the server is away, for as long as it is. A call does not wait for that. */
  async #run(script: string, args: readonly (string | number)[]): Promise<unknown> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const message = `Redis has not answered within ${this.#timeoutMs} ms.`;
      timer = setTimeout(() => reject(new Error(message)), this.#timeoutMs);
    });
    const command = ["EVAL", script, String(this.#keys.length), ...this.#keys, ...args.map(String)];
    try {
      return await Promise.race([this.#client.command(command), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
