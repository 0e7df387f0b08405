/** The replies of Redis: their values, their errors, and the refusal of an id. */

import { isRedisError, type RedisClient, type RedisReply } from "./client.ts";

/** Returns the value of a reply. @throws its error */
export function replyValue(reply: RedisReply | undefined): unknown {
  if (reply?.error) throw reply.error;
  return reply?.value;
}

/** Returns the value of a reply with an integer: a client may be set to return a string. @throws its error */
export function replyNumber(reply: RedisReply | undefined): number {
  return Number(replyValue(reply));
}

/** Sends commands together and resolves with the values of their replies. @throws the first error among them */
export async function replyValues(
  client: RedisClient,
  commands: readonly (readonly string[])[],
): Promise<readonly unknown[]> {
  return (await client.pipeline(commands)).map(replyValue);
}

/** Whether Redis has refused an id because it is not above the last one. */
export function isIdTooSmall(reply: RedisReply | undefined): boolean {
  return isRedisError(reply?.error) && reply.error.message.includes("equal or smaller");
}
