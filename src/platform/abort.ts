/**
 * Listeners of abort signals, in any number. Node reports more than ten listeners on one signal as a leak on stderr,
 * but a program may end a hundred calls with one signal. So each signal gets one listener, which the others share.
 */

const LISTENERS = new WeakMap<EventTarget, Set<() => void>>();

/** Calls the listeners of a signal that fires. One that is removed meanwhile is not called. */
function fire({ target }: Event): void {
  if (!target) return;
  for (const each of LISTENERS.get(target) ?? []) each();
  LISTENERS.delete(target);
}

/** Calls `listener` once when the signal fires. It does not call it for a signal that has already fired. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): void {
  if (!signal || signal.aborted) return;
  const listeners = LISTENERS.get(signal);
  if (listeners) {
    listeners.add(listener);
    return;
  }
  LISTENERS.set(signal, new Set([listener]));
  signal.addEventListener("abort", fire, { once: true });
}

/** Removes the listener. */
export function offAbort(signal: AbortSignal | undefined, listener: () => void): void {
  const listeners = signal && LISTENERS.get(signal);
  if (!signal || !listeners?.delete(listener) || listeners.size > 0) return;
  LISTENERS.delete(signal);
  signal.removeEventListener("abort", fire);
}
