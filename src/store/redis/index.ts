/** Runs, conversations and shared limits in Redis: the subpath `cloudllm/store/redis`. */

export type { LeaseOptions } from "../leased-store.ts";
export type {
  IoredisLike,
  NodeRedisClusterLike,
  NodeRedisLike,
  RedisCommands,
  RedisConnection,
  RedisLike,
  RedisReply,
  UpstashAddress,
  UpstashLike,
} from "./client.ts";
export { type RedisLogOptions, redisLog } from "./log.ts";
export { type RedisWindowOptions, redisWindow } from "./shared-window.ts";
export { RedisStore, type RedisStoreOptions } from "./store.ts";
