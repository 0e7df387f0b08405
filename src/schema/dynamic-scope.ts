/** The dynamic scope of a validation: the resources that it has entered. It keeps the results of values so far. */

import type { JsonSchema } from "../contract/schema.ts";
import type { Issues } from "./issues.ts";
import type { Resource } from "./schema-document.ts";

/** The names and indices that schemas have evaluated, for `unevaluatedProperties` and `unevaluatedItems`. */
export type Evaluated = Set<string | number>;

/** The result of a value that was validated before. */
export interface Known {
  readonly issues: Issues;
  readonly evaluated: Evaluated | undefined;
}

/** The resources that evaluation has entered, outermost first. They decide the target of a `$dynamicRef`. */
export class Scope {
  readonly resources: readonly Resource[];
  /** Results by schema and value. Without them, nested alternatives would take time that doubles with each level. */
  readonly known: Map<JsonSchema, Map<unknown, Known>> = new Map();
  readonly #inner = new Map<Resource, Scope>();

  constructor(resources: readonly Resource[]) {
    this.resources = resources;
  }

  entering(resource: Resource): Scope {
    if (this.resources.includes(resource)) return this;
    const inner = this.#inner.get(resource) ?? new Scope([...this.resources, resource]);
    this.#inner.set(resource, inner);
    return inner;
  }
}
