/**
 * The page around a program: whether a connection makes sense now, and when to try again. Elsewhere always, and never.
 */

/** The parts of a window that matter here. Other runtimes lack some, or all of them. */
interface Surroundings extends Partial<Pick<EventTarget, "addEventListener">> {
  readonly navigator?: { readonly onLine?: boolean };
  readonly document?: EventTarget & { readonly visibilityState?: string };
}

/** Returns whether the program may be a server that renders pages for many users. React Native has a window. */
export function mayBeServer(): boolean {
  return !("window" in globalThis);
}

/** Returns whether the page is hidden, or its device has no network. */
export function isAsleep(): boolean {
  const { navigator, document } = globalThis as Surroundings;
  return navigator?.onLine === false || document?.visibilityState === "hidden";
}

/**
 * Calls `wake` when the page is shown, comes back from the browser's cache, or gets a network, until the signal fires;
 * `isCut` says that a connection from before is dead.
 */
export function onWake(wake: (isCut: boolean) => void, signal: AbortSignal): void {
  const page = globalThis as Surroundings;
  const woken = (event: Event): void => {
    const { type, persisted } = event as Event & { readonly persisted?: boolean };
    if (!isAsleep() && (type !== "pageshow" || persisted)) wake(type !== "visibilitychange");
  };
  page.addEventListener?.("online", woken, { signal });
  page.addEventListener?.("pageshow", woken, { signal });
  page.document?.addEventListener?.("visibilitychange", woken, { signal });
}
