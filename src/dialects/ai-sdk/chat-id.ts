/** The ids of chats, which an application chooses freely, as ids of the relay. Pure. */

import { base64UrlOf } from "../../platform/base64-url.ts";
import { isChatId } from "../ids.ts";
import { badRequest } from "../refusal.ts";

/**
 * Returns the relay's id of a chat: the same one where it may be that of a chat, or another one that stands for it.
 * @throws {Refusal} 400 when it is too long
 */
export function chatIdOf(id: string): string {
  if (isChatId(id)) return id;
  const other = `_${base64UrlOf(new TextEncoder().encode(id))}`;
  if (isChatId(other)) return other;
  throw badRequest("The id of the chat must be at most 94 bytes long.");
}
