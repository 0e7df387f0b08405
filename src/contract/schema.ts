/** The two forms of a schema: that of a library (Standard Schema), and plain JSON Schema. Types only. */

/**
 * The parts of `~standard` of schema libraries (Zod, Valibot, ArkType …) that are used here. The types are declared
 * here, so that no library is needed.
 * @see https://standardschema.dev
 */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
    /**
     * The library's own conversion to JSON Schema; some libraries lack it.
     * @see https://standardschema.dev/json-schema
     */
    readonly jsonSchema?: {
      readonly input: (options: {
        readonly target: "draft-2020-12";
        readonly libraryOptions?: Readonly<Record<string, unknown>>;
      }) => Record<string, unknown>;
    };
  };
}

/** A valid value, or the issues of an invalid one. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One issue of an invalid value. `path` leads to the part from the root. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A plain JSON Schema (draft 2020-12), for example `{ type: "object", properties: { city: { type: "string" } } }`. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A schema in either form. */
export type Schema<Output = unknown> = StandardSchema<Output> | JsonSchema;
