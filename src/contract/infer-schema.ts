/** The TypeScript type of the values that a schema accepts. Types only; this file has no code. */

import type { Schema, StandardSchema } from "./schema.ts";

/** The same fields as one object type, as editors show it best. */
type Fields<T> = { [Name in keyof T]: T[Name] };

/**
 * The type of the values that a schema accepts. A schema library declares it. For a JSON Schema that is written as a
 * literal, it follows from `type`, `properties`, `required`, `items`, `prefixItems`, `enum`, `const`, `anyOf` and
 * `oneOf`. Everything else is `unknown`.
 */
export type InferSchema<S> =
  S extends StandardSchema<infer Output>
    ? Output
    : S extends { readonly const: infer Value }
      ? Value
      : S extends { readonly enum: readonly (infer Value)[] }
        ? Value
        : S extends { readonly anyOf: infer Parts } | { readonly oneOf: infer Parts }
          ? InferOne<Parts>
          : S extends { readonly type: infer Types }
            ? Types extends readonly (infer Type)[]
              ? InferType<S, Type>
              : InferType<S, Types>
            : unknown;

/** The arguments of a tool as its schema describes them; an object with any fields where the schema is unknown. */
export type InferArguments<S extends Schema> =
  unknown extends InferSchema<S> ? Readonly<Record<string, unknown>> : InferSchema<S>;

type InferOne<Parts> = Parts extends readonly (infer Part)[] ? InferSchema<Part> : unknown;

type InferType<S, Type> = Type extends "string"
  ? string
  : Type extends "number" | "integer"
    ? number
    : Type extends "boolean"
      ? boolean
      : Type extends "null"
        ? null
        : Type extends "array"
          ? InferArray<S>
          : Type extends "object"
            ? InferObject<S>
            : unknown;

type InferArray<S> = S extends { readonly prefixItems: infer Parts; readonly items: false }
  ? { -readonly [Index in keyof Parts]?: InferSchema<Parts[Index]> }
  : S extends { readonly prefixItems: unknown }
    ? unknown[]
    : S extends { readonly items: infer Part }
      ? InferSchema<Part>[]
      : unknown[];

type InferObject<S> = S extends { readonly properties: infer Properties }
  ? Fields<
      {
        -readonly [Name in keyof Properties as Name extends RequiredOf<S> ? Name : never]: InferSchema<
          Properties[Name]
        >;
      } & {
        -readonly [Name in keyof Properties as Name extends RequiredOf<S> ? never : Name]?: InferSchema<
          Properties[Name]
        >;
      }
    >
  : S extends { readonly additionalProperties: infer Part extends object }
    ? Record<string, InferSchema<Part>>
    : Record<string, unknown>;

type RequiredOf<S> = S extends { readonly required: readonly (infer Name)[] } ? Name : never;
