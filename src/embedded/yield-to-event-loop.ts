/** Lets the event loop turn, so that other tasks in this thread get their turn between two tokens. */

/** Resolves after timers and input that were due. Not by a timer: browsers make nested ones wait 4 ms. */
export function yieldToEventLoop(): Promise<void> {
  const { setImmediate, MessageChannel } = globalThis as {
    readonly setImmediate?: (resume: () => void) => unknown;
    readonly MessageChannel?: typeof globalThis.MessageChannel;
  };
  return new Promise((resolve) => {
    if (setImmediate) setImmediate(resolve);
    else if (MessageChannel) {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    } else setTimeout(resolve, 0);
  });
}
