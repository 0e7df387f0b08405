/** Runs in Redis: the subpath `cloudllm/store/redis`. */

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
} from "./redis-client.ts";
export { type RedisLogOptions, redisLog } from "./redis-log.ts";
