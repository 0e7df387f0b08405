/**
 * The page around a program: whether a connection makes sense now, and when to try again. Elsewhere always, and never.
 */

/** The parts of a window that matter here. Other runtimes lack some, or all of them. */
interface Surroundings {
  readonly navigator?: { readonly onLine?: boolean };
  readonly document?: EventTarget & { readonly visibilityState?: string };
  addEventListener?(type: string, listener: (event: Event) => void): void;
  removeEventListener?(type: string, listener: (event: Event) => void): void;
}

/** Returns whether the page is hidden, or its device has no network. */
export function isAsleep(): boolean {
  const { navigator, document } = globalThis as Surroundings;
  return navigator?.onLine === false || document?.visibilityState === "hidden";
}

/**
 * Calls `wake` when the page is shown, comes back from the browser's cache, or gets a network; `isCut` says that a
 * connection from before is dead. Returns a function that ends it.
 */
export function onWake(wake: (isCut: boolean) => void): () => void {
  const page = globalThis as Surroundings;
  const woken = (event: Event): void => {
    const { type, persisted } = event as Event & { readonly persisted?: boolean };
    if (!isAsleep() && (type !== "pageshow" || persisted)) wake(type !== "visibilitychange");
  };
  const targets = [
    ["online", page],
    ["pageshow", page],
    ["visibilitychange", page.document],
  ] as const;
  for (const [type, target] of targets) target?.addEventListener?.(type, woken);
  return () => {
    for (const [type, target] of targets) target?.removeEventListener?.(type, woken);
  };
}
