/**
 * Stacks that lead to the caller. An error in a callback of a socket or a timer has only the runtime's frames in its
 * stack.
 */

import { SendError } from "../contract/errors.ts";

/** Absent outside V8: there a stack stays what it was. */
type WithCapture = { readonly captureStackTrace?: (target: object, above: unknown) => void };

/** Returns the same error with a stack that leads to the code which awaits the calling async function. */
export function seenByCaller(error: SendError): SendError {
  (Error as WithCapture).captureStackTrace?.(error, seenByCaller);
  return error;
}

/**
 * Waits for what a callback settles; a failure's stack leads to the code that awaits the function which awaits this.
 */
export async function settledFor<T>(outcome: Promise<T>): Promise<T> {
  try {
    return await outcome;
  } catch (error) {
    throw error instanceof SendError ? seenByCaller(error) : error;
  }
}

const nothing = (): void => undefined;

/**
 * Rejects with the error, whose stack leads to the code that awaits the promise which is resolved with this one. V8
 * finds its way only over promises that are awaited already, each by one function. So the error is thrown only when
 * they are. Costs nothing before there is a failure.
 * @param seen called when the stack is taken, before the error is thrown
 */
export async function thrownToCaller(error: SendError, seen: () => void = nothing): Promise<never> {
  await undefined; // the promise is resolved with this one …
  await undefined; // … waits for it …
  await undefined; // … and has been returned by an async function, which waits for it
  seenByCaller(error);
  seen();
  throw error;
}
