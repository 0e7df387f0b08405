/**
 * Hearing of a signal, however many do. Node takes more than ten listeners on one signal for a leak and says so on stderr, but
 * a program may well end a hundred calls with one: each signal gets a single listener, and they share it.
 */

interface Shared {
  readonly listeners: Set<() => void>;
  readonly fire: () => void;
}

const SHARED = new WeakMap<AbortSignal, Shared>();

/** Calls `listener` when the signal fires, once; never for a signal that has fired already. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): void {
  if (!signal || signal.aborted) return;
  const known = SHARED.get(signal);
  if (known) {
    known.listeners.add(listener);
    return;
  }
  const listeners = new Set([listener]);
  const fire = () => {
    for (const each of listeners) each(); // who loses interest meanwhile is not called any more
    SHARED.delete(signal);
  };
  SHARED.set(signal, { listeners, fire });
  signal.addEventListener("abort", fire, { once: true });
}

/** The listener has no interest any more. */
export function offAbort(signal: AbortSignal | undefined, listener: () => void): void {
  const shared = signal && SHARED.get(signal);
  if (!signal || !shared?.listeners.delete(listener) || shared.listeners.size > 0) return;
  SHARED.delete(signal);
  signal.removeEventListener("abort", shared.fire);
}
