/** Servers of Node around a listener, which live for one test. */

import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";

/**
 * Returns a function that starts a server and resolves with its origin. Each one is closed after the test that started
 * it, with its connections. Call it once per file.
 */
export function useListeners(): (listener: RequestListener) => Promise<string> {
  const closings: (() => void)[] = [];
  afterEach(() => {
    for (const close of closings.splice(0)) close();
  });
  return async (listener) => {
    const server = createServer(listener);
    closings.push(() => {
      server.close();
      server.closeAllConnections();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
}
