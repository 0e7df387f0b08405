/** Calls that a provider has made and not yet answered, as its answers name them. */

interface Waiting<Call> {
  readonly call: Call;
  readonly id: string | undefined;
}

/** Keeps them in their order. Each answer finds its call at once, however many wait. */
export class WaitingCalls<Call> implements Iterable<Call> {
  readonly #waiting = new Set<Waiting<Call>>();
  /** The same by their ids, `undefined` among them. */
  readonly #byId = new Map<string | undefined, Set<Waiting<Call>>>();

  add(call: Call, id: string | undefined): void {
    const waiting = { call, id };
    this.#waiting.add(waiting);
    const same = this.#byId.get(id);
    if (same) same.add(waiting);
    else this.#byId.set(id, new Set([waiting]));
  }

  /** Takes out the call of that id, else the first that has none. */
  take(id: string | undefined): Call | undefined {
    if (id === undefined) return this.takeFirst();
    return this.#taken(first(this.#byId.get(id)) ?? first(this.#byId.get(undefined)));
  }

  /** Takes out the one that has waited longest. */
  takeFirst(): Call | undefined {
    return this.#taken(first(this.#waiting));
  }

  *[Symbol.iterator](): Generator<Call> {
    for (const { call } of this.#waiting) yield call;
  }

  #taken(waiting: Waiting<Call> | undefined): Call | undefined {
    if (!waiting) return undefined;
    this.#waiting.delete(waiting);
    this.#byId.get(waiting.id)?.delete(waiting);
    return waiting.call;
  }
}

function first<Value>(values: ReadonlySet<Value> | undefined): Value | undefined {
  return values?.values().next().value;
}
