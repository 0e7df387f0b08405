/** The stacks of errors, which engines keep in different places. */

/**
 * Gives an error a stack, where there is one. An assignment would make it enumerable in Firefox, where the stack is an
 * accessor of the prototype: then it would be a part of the error's plain form.
 */
export function setStack(error: Error, stack: string | undefined): void {
  if (stack) Object.defineProperty(error, "stack", { value: stack, writable: true, configurable: true });
}
