/** Joining a continuation to what had arrived. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Seam } from "../../src/stream/seam.ts";

/** What the reader ends up with when the continuation comes in pieces of the given size. */
function joined(arrived: string, continuation: string, size: number): string {
  const seam = new Seam(arrived);
  let text = arrived;
  const apply = ({ rewind, text: more }: ReturnType<Seam["add"]>) => {
    text = text.slice(0, text.length - rewind) + more;
  };
  for (let at = 0; at < continuation.length; at += size) apply(seam.add(continuation.slice(at, at + size)));
  apply(seam.end());
  return text;
}

const ESSAY =
  "Rivers begin high up, where rain and melting snow gather in small streams that nobody has given a name to. ";

describe("a continuation", () => {
  test.each([
    ["goes on in the middle of a word", "Hello wor", "ld, how are you?", "Hello world, how are you?"],
    ["goes on with a blank", "Hello", " world", "Hello world"],
    ["says the cut word again", "Hello wor", "world, how are you?", "Hello world, how are you?"],
    ["says the last words again", "the quick brown fox", "quick brown fox jumps", "the quick brown fox jumps"],
    ["says the last line again", "One.\nTwo and three", "Two and three are four.", "One.\nTwo and three are four."],
    ["says everything again", "Hello wor", "Hello world", "Hello world"],
    [
      "says a long text again",
      ESSAY.repeat(20),
      `${ESSAY.repeat(20)}Then they meet.`,
      `${ESSAY.repeat(20)}Then they meet.`,
    ],
    ["begins anew and goes another way", `${ESSAY}Then`, `${ESSAY}Later`, `${ESSAY}Later`],
    ["brings the white space that was not sent", "A list:\n\n", "\n\n- one", "A list:\n\n- one"],
    ["leaves out the white space that was not sent", "A list:\n\n", "- one", "A list:\n\n- one"],
    ["brings other white space", "A list:\n\n", "\n- one", "A list:\n\n- one"],
    ["says the last words again before other white space", "so the river \n", "the river runs", "so the river \nruns"],
    ["keeps indentation", "def f():\n    ", "    return 1", "def f():\n    return 1"],
    ["is nothing", "Hello", "", "Hello"],
    // What only looks like a repetition stays.
    ["doubles a letter", "book", "keeper", "bookkeeper"],
    ["doubles a word in its own right", "I had", " had enough", "I had had enough"],
    ["goes on with a ruler", "|-----|-----|", "-----|-----|\n", "|-----|-----|-----|-----|\n"],
    ["goes on laughing", "hahaha", "hahaha!", "hahahahahaha!"],
    ["goes on with the same digits", "pi is 3.1", "1111", "pi is 3.11111"],
  ])("that %s is joined, however it comes", (_name, arrived, continuation, expected) => {
    for (const size of [1, 2, 3, 7, 1_000]) expect(joined(arrived, continuation, size)).toBe(expected);
  });

  test("of other words is shown with its first piece", () => {
    expect(new Seam("Rivers begin high up").add(", where rain falls")).toEqual({
      rewind: 0,
      text: ", where rain falls",
    });
  });

  test("is never held back for more than a window of repeated words, or the text said anew", () => {
    const seam = new Seam("ab ".repeat(10_000));
    let held = 0;
    for (let at = 0; at < 1_000 && seam.isOpen; at++) {
      seam.add("ba ");
      held += 3;
    }
    expect(held).toBeLessThan(500);
  });

  test("tells where its places are in the joined text", () => {
    const seam = new Seam("the quick brown fox");
    seam.add("brown fox jumps");
    expect("the quick brown fox jumps".slice(10 + seam.shift)).toBe("jumps");
  });

  test("any text that is cut and told again from a word on is whole again", () => {
    const word = fc.stringMatching(/^[a-z]{3,9}$/).filter((letters) => new Set(letters.slice(0, 3)).size === 3);
    fc.assert(
      fc.property(
        fc.uniqueArray(word, { minLength: 8, maxLength: 40 }),
        fc.nat(),
        fc.nat(),
        fc.nat(8),
        (words, at, back, size) => {
          const text = words.join(" ");
          const cut = 5 + (at % (text.length - 5));
          const from = text.lastIndexOf(" ", Math.max(0, cut - 12 - (back % 60))) + 1;
          expect(joined(text.slice(0, cut), text.slice(from), size + 1)).toBe(text);
        },
      ),
    );
  });
});
