/** The official JSON Schema test suite: every case is decided rightly, or its schema is refused before anything is sent. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { JsonSchema } from "../../src/contract/schema.ts";
import { schemaFault } from "../../src/schema/schema-check.ts";
import { jsonSchemaIssues } from "../../src/schema/validator.ts";

interface Group {
  readonly description: string;
  readonly schema: JsonSchema | boolean;
  readonly tests: readonly { readonly description: string; readonly data: unknown; readonly valid: boolean }[];
}

const SUITE = new URL("../../../shared/json-schema-suite/", import.meta.url);

const ELSEWHERE = "which does not lead to a schema in this document";
const DIALECT = "an unknown dialect";

const DRAFTS: readonly (readonly [draft: string, dialect: string, refused: Readonly<Record<string, number>>])[] = [
  [
    "draft2020-12",
    "https://json-schema.org/draft/2020-12/schema",
    {
      [`defs.json: ${ELSEWHERE}`]: 2,
      [`dynamicRef.json: ${ELSEWHERE}`]: 13,
      [`ref.json: ${ELSEWHERE}`]: 2,
      [`refRemote.json: ${ELSEWHERE}`]: 31,
      [`vocabulary.json: ${DIALECT}`]: 5,
    },
  ],
  [
    "draft7",
    "http://json-schema.org/draft-07/schema#",
    { [`definitions.json: ${ELSEWHERE}`]: 2, [`ref.json: ${ELSEWHERE}`]: 2, [`refRemote.json: ${ELSEWHERE}`]: 23 },
  ],
];

describe.skipIf(!existsSync(SUITE))("the official suite (skipped where it is not beside this folder)", () => {
  test.each(DRAFTS)("%s: nothing is wrong in silence", (draft, dialect, refusedFor) => {
    const wrong: string[] = [];
    const refused: Record<string, number> = {};
    let right = 0;
    for (const file of readdirSync(new URL(`${draft}/`, SUITE))) {
      const groups = JSON.parse(readFileSync(new URL(`${draft}/${file}`, SUITE), "utf8")) as readonly Group[];
      for (const { description, schema: its, tests } of groups) {
        // A schema that is only true or false cannot be given as one; it can be within one.
        const schema = typeof its === "boolean" ? { allOf: [its] } : { $schema: dialect, ...its };
        const fault = schemaFault(schema);
        for (const { description: what, data, valid } of tests) {
          if (fault) {
            const reason = `${file}: ${[ELSEWHERE, DIALECT].find((known) => fault.includes(known)) ?? fault}`;
            refused[reason] = (refused[reason] ?? 0) + 1;
          } else if ((jsonSchemaIssues(schema, data).length === 0) === valid) right++;
          else wrong.push(`${file}: ${description}: ${what}`);
        }
      }
    }
    console.info(`${draft}: ${right} right, ${sumOf(refused)} refused, ${wrong.length} wrong`);
    expect(wrong).toEqual([]);
    expect(refused).toEqual(refusedFor);
  });
});

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
