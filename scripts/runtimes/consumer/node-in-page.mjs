/** What the contract suite uses of Node, for a page: strict assertions and a sleep. Servers do not run there. */

class AssertionError extends Error {
  name = "AssertionError";
  constructor({ message }) {
    super(message);
  }
}

function demand(holds, message) {
  if (!holds) throw message instanceof Error ? message : new AssertionError({ message });
}

function isSame(one, other) {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false;
  if (one instanceof Error && (one.name !== other.name || one.message !== other.message)) return false;
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  return names.every((name) => Object.hasOwn(other, name) && isSame(one[name], other[name]));
}

/** `check` is a function that returns `true` for the expected error. */
async function rejects(promise, check) {
  let failure;
  try {
    await (typeof promise === "function" ? promise() : promise);
  } catch (error) {
    failure = { error };
  }
  demand(failure, "it was not rejected");
  demand(check(failure.error) === true, `it was rejected with ${failure.error}`);
}

function throws(call, Kind) {
  let failure;
  try {
    call();
  } catch (error) {
    failure = { error };
  }
  demand(failure, "it did not throw");
  demand(failure.error instanceof Kind, `it threw ${failure.error}`);
}

const differ = (one, other) => `${JSON.stringify(one)} and ${JSON.stringify(other)}`;
const assert = {
  AssertionError,
  ok: (value, message = "it is not truthy") => demand(value, message),
  equal: (one, other, message = `not equal: ${differ(one, other)}`) => demand(Object.is(one, other), message),
  notEqual: (one, other, message = `equal: ${differ(one, other)}`) => demand(!Object.is(one, other), message),
  deepEqual: (one, other, message = `not equal: ${differ(one, other)}`) => demand(isSame(one, other), message),
  match: (text, pattern, message = `${text} does not match ${pattern}`) => demand(pattern.test(text), message),
  fail: (message) => demand(false, message),
  rejects,
  throws,
};
// biome-ignore lint/style/noDefaultExport: as `node:assert/strict` has it
export default assert;

const elapse = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export { elapse as setTimeout };

function none() {
  throw new Error("a page has no server of Node");
}

export { none as createHash, none as createServer };
