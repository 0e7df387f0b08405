/** Stacks of errors in engines that keep them on the prototype, as Firefox does. */

import { expect, test } from "vitest";
import { setStack } from "../src/platform/error-stack.ts";

/** An error whose stack is an accessor of its prototype, and becomes enumerable by an assignment. */
class ErrorOfFirefox extends Error {
  constructor(message: string) {
    super(message);
    delete this.stack;
  }
}
Object.defineProperty(ErrorOfFirefox.prototype, "stack", {
  get: () => "@page.js:1:1",
  set(this: object, value: unknown) {
    Object.defineProperty(this, "stack", { value, writable: true, enumerable: true, configurable: true });
  },
});

test("the plain form of an error has no stack in an engine that keeps stacks on the prototype", () => {
  const error = new ErrorOfFirefox("broken");
  setStack(error, "@other.js:2:2");
  expect(error.stack).toBe("@other.js:2:2");
  expect({ ...error }).toEqual({});
  setStack(error, undefined);
  expect(error.stack).toBe("@other.js:2:2");
});
