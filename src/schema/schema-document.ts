/** A JSON Schema document: its schemas, their resources and anchors, and the targets of references. */

import type { JsonSchema } from "../contract/schema.ts";
import { isJsonObject } from "../platform/json-object.ts";
import { partsOf } from "./subschemas.ts";

/** The path to a schema from the root of its document. */
export type SchemaPath = readonly (string | number)[];

/** A schema of a document, and its path. */
export class LocatedSchema {
  readonly schema: JsonSchema;
  readonly #outer: LocatedSchema | undefined;
  readonly #steps: SchemaPath;

  constructor(schema: JsonSchema, outer?: LocatedSchema, steps: SchemaPath = []) {
    this.schema = schema;
    this.#outer = outer;
    this.#steps = steps;
  }

  /** Joined only on request: deep schemas would cost the square of their depth. */
  get path(): SchemaPath {
    const paths: SchemaPath[] = [];
    for (let located: LocatedSchema | undefined = this; located; located = located.#outer)
      paths.unshift(located.#steps);
    return paths.flat();
  }
}

/** A part of a document with an address of its own: the document itself, and each schema in it with an `$id`. */
export interface Resource {
  readonly uri: string;
  readonly root: JsonSchema;
  /** The draft that `$schema` names, as its year; drafts 4, 6 and 7 by their number. */
  readonly draft: number;
  readonly anchors: Map<string, JsonSchema>;
  readonly dynamicAnchors: Map<string, JsonSchema>;
}

/** Drafts by the address of their meta-schema, without `http(s)://` and an empty fragment. */
const DRAFTS: Readonly<Record<string, number>> = {
  "json-schema.org/draft-04/schema": 4,
  "json-schema.org/draft-06/schema": 6,
  "json-schema.org/draft-07/schema": 7,
  "json-schema.org/draft/2019-09/schema": 2019,
  "json-schema.org/draft/2020-12/schema": 2020,
  "json-schema.org/schema": 2020,
  "spec.openapis.org/oas/3.1/dialect/base": 2020,
};

/** Returns the draft that a `$schema` names; `undefined` for an unknown dialect. */
export function draftOf(dialect: unknown): number | undefined {
  if (typeof dialect !== "string") return undefined;
  const name = dialect.replace(/^https?:\/\//, "").replace(/#$/, "");
  return Object.hasOwn(DRAFTS, name) ? DRAFTS[name] : undefined;
}

/** The address of a document without an absolute `$id`. */
const NOWHERE = "https://document.invalid/";

/**
 * The schemas of one document, each found once. References are resolved by draft 2020-12: relative to the nearest
 * `$id`, to a JSON pointer, an anchor or an `$id` within the document. Other documents are not read.
 * @see https://json-schema.org/draft/2020-12/json-schema-core#section-8.2
 */
export class SchemaDocument {
  /** All schemas that are objects, each once, the root first. */
  readonly schemas: LocatedSchema[] = [];
  /** Whether `unevaluatedProperties` or `unevaluatedItems` is among the keywords. */
  readonly hasUnevaluated: boolean;
  readonly hasDynamicRef: boolean;
  readonly #resources = new Map<string, Resource>();
  readonly #resourceOf = new Map<JsonSchema, Resource>();

  constructor(root: JsonSchema) {
    this.#add(new LocatedSchema(root), undefined);
    // Pointers may lead to schemas under unknown keywords.
    for (const located of this.schemas) {
      const { schema } = located;
      for (const keyword of ["$ref", "$dynamicRef"]) {
        const target = this.resolve(schema, schema[keyword]);
        if (isJsonObject(target) && !this.#resourceOf.has(target))
          this.#add(new LocatedSchema(target, located, [keyword]), this.resourceOf(schema));
      }
    }
    this.hasUnevaluated = this.#uses("unevaluatedProperties") || this.#uses("unevaluatedItems");
    this.hasDynamicRef = this.#uses("$dynamicRef");
  }

  /** Returns the resource of a schema in this document. */
  resourceOf(schema: JsonSchema): Resource {
    const resource = this.#resourceOf.get(schema);
    if (!resource) throw new Error("a schema of another document");
    return resource;
  }

  /** Returns whether a schema's `$ref` overrides all other keywords, as up to draft 7. */
  isReferenceAlone(schema: JsonSchema): boolean {
    return schema.$ref !== undefined && this.resourceOf(schema).draft < 2019;
  }

  /** Returns the target of a reference in `schema`; `undefined` without one in this document. */
  resolve(schema: JsonSchema, reference: unknown): unknown {
    if (typeof reference !== "string") return undefined;
    const { resource, fragment } = this.#target(schema, reference);
    if (!resource) return undefined;
    if (fragment === "") return resource.root;
    return fragment.startsWith("/") ? pointed(resource.root, fragment) : resource.anchors.get(fragment);
  }

  /**
   * Returns the name by which a `$dynamicRef` is found in outer resources; `undefined` where it works like any `$ref`.
   */
  dynamicNameOf(schema: JsonSchema, reference: unknown): string | undefined {
    if (typeof reference !== "string") return undefined;
    const { resource, fragment } = this.#target(schema, reference);
    return resource?.dynamicAnchors.has(fragment) ? fragment : undefined;
  }

  /** Returns all possible targets of a `$dynamicRef` with this name. */
  dynamicTargets(name: string): readonly JsonSchema[] {
    const targets = [...this.#resources.values()].map(({ dynamicAnchors }) => dynamicAnchors.get(name));
    return targets.filter((target) => target !== undefined);
  }

  #target(schema: JsonSchema, reference: string): { resource: Resource | undefined; fragment: string } {
    const address = resolvedUri(reference, this.resourceOf(schema).uri);
    const [uri = "", fragment = ""] = (address ?? "").split("#", 2);
    return { resource: this.#resources.get(uri), fragment: decoded(fragment) };
  }

  #add(first: LocatedSchema, around: Resource | undefined): void {
    const waiting: (readonly [LocatedSchema, Resource | undefined])[] = [[first, around]];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [located, outer] = next;
      const { schema } = located;
      if (this.#resourceOf.has(schema)) continue;
      const resource = this.#resourceWith(schema, outer);
      this.#resourceOf.set(schema, resource);
      this.schemas.push(located);
      for (const { path, part } of partsOf(schema))
        if (isJsonObject(part)) waiting.push([new LocatedSchema(part, located, path), resource]);
    }
  }

  /** Returns the resource of a schema within `outer`, and registers the schema in it. */
  #resourceWith(schema: JsonSchema, outer: Resource | undefined): Resource {
    const draft = draftOf(schema.$schema) ?? outer?.draft ?? 2020;
    const isAlone = draft < 2019 && schema.$ref !== undefined;
    const id = draft === 4 ? schema.id : schema.$id;
    const address = typeof id === "string" && !isAlone ? resolvedUri(id, outer?.uri ?? NOWHERE) : undefined;
    const [uri = "", name = ""] = (address ?? outer?.uri ?? NOWHERE).split("#", 2);
    let resource = outer;
    // Up to draft 7, an `$id` that is only a fragment is an anchor.
    if (!resource || (address !== undefined && name === "")) {
      resource = { uri, root: schema, draft, anchors: new Map(), dynamicAnchors: new Map() };
      if (!this.#resources.has(uri)) this.#resources.set(uri, resource);
    }
    for (const anchor of [schema.$anchor, schema.$dynamicAnchor, name])
      if (typeof anchor === "string" && anchor !== "") resource.anchors.set(anchor, schema);
    if (typeof schema.$dynamicAnchor === "string") resource.dynamicAnchors.set(schema.$dynamicAnchor, schema);
    return resource;
  }

  #uses(keyword: string): boolean {
    return this.schemas.some(({ schema }) => schema[keyword] !== undefined);
  }
}

function resolvedUri(reference: string, base: string): string | undefined {
  try {
    return new URL(reference, base).href;
  } catch {
    return undefined;
  }
}

function pointed(root: JsonSchema, pointer: string): unknown {
  let found: unknown = root;
  for (const step of pointer.slice(1).split("/")) {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}

/** @see https://www.rfc-editor.org/rfc/rfc6901#section-6 */
function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment; // a lone percent sign is a character
  }
}
