/** The other tabs of this browser. A browser that keeps nothing may have no way to them: then each is on its own. */

/**
 * Returns a function that says to the other tabs that a conversation has changed.
 * @param onNews called when another tab says so
 */
export function otherTabs(onNews: () => void): (chat: string) => void {
  try {
    const channel = new BroadcastChannel("cloudllm.chats");
    channel.addEventListener("message", onNews);
    return (chat) => channel.postMessage(chat);
  } catch {
    return () => undefined;
  }
}
