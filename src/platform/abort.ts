/**
 * Listeners of abort signals, in any number. Node reports more than ten listeners on one signal as a leak on stderr,
 * but a program may end a hundred calls with one signal. So each signal gets one listener, which the others share.
 */

interface Shared {
  readonly listeners: Set<() => void>;
  readonly fire: () => void;
}

const SHARED = new WeakMap<AbortSignal, Shared>();

/** Calls `listener` once when the signal fires. It does not call it for a signal that has already fired. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): void {
  if (!signal || signal.aborted) return;
  const known = SHARED.get(signal);
  if (known) {
    known.listeners.add(listener);
    return;
  }
  const listeners = new Set([listener]);
  const fire = () => {
    for (const each of listeners) each(); // a listener that is removed meanwhile is not called
    SHARED.delete(signal);
  };
  SHARED.set(signal, { listeners, fire });
  signal.addEventListener("abort", fire, { once: true });
}

/** Removes the listener. */
export function offAbort(signal: AbortSignal | undefined, listener: () => void): void {
  const shared = signal && SHARED.get(signal);
  if (!signal || !shared?.listeners.delete(listener) || shared.listeners.size > 0) return;
  SHARED.delete(signal);
  signal.removeEventListener("abort", shared.fire);
}
