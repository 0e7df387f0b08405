/** What a schema is, in either form: that of a library (Standard Schema), or plain JSON Schema. Types only. */

/**
 * What schema libraries (Zod, Valibot, ArkType …) put under `~standard`, in the parts used here. The types are our own, so
 * that no library is needed.
 * @see https://standardschema.dev
 */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
    /**
     * The library's own way to say the same in JSON Schema; not every library has one.
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

/** A value that fits, or what does not fit, and where. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that does not fit. `path` leads to it from the root. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A plain JSON Schema (draft 2020-12), for example `{ type: "object", properties: { city: { type: "string" } } }`. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A schema in either form. */
export type Schema<Output = unknown> = StandardSchema<Output> | JsonSchema;
