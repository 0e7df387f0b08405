/** Lists of the options of an interface: the compiler refuses one that lacks a name, so that no new option is refused. */

import { expect, test } from "vitest";
import { type ClientOptions, givenOptions } from "../../src/clients/definition.ts";
import { allNames } from "../../src/contract/unknown-option.ts";

interface Options {
  readonly one: number;
  readonly two?: string | undefined;
}

interface OwnOptions extends ClientOptions {
  readonly region: string;
  readonly zone?: string | undefined;
}

test("a list of names has all options of its interface, and no other", () => {
  expect(allNames<Options>({ one: true, two: true })).toEqual(["one", "two"]);
  // @ts-expect-error `two` is missing
  expect(allNames<Options>({ one: true })).toEqual(["one"]);
  // @ts-expect-error `three` does not exist
  expect(allNames<Options>({ one: true, two: true, three: true })).toHaveLength(3);
});

test("the names that a constructor of a client takes are all of its own options", () => {
  const options: OwnOptions = { model: "m", region: "eu", zone: "a" };
  expect(givenOptions(options, "region", "zone")).toBe(options);
  // @ts-expect-error `zone` is missing
  expect(() => givenOptions(options, "region")).toThrow("Unknown option `zone`.");
});
