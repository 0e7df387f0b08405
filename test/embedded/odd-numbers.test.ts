/** Weights files whose numbers are none: a typed error that names the file, at once, and never a hang or a RangeError. */

import { SendError } from "cloudllm";
import { EmbeddedClient } from "cloudllm/embedded";
import { describe, expect, test } from "vitest";
import { modelOf } from "../../src/embedded/embedded-engine.ts";
import { nameOf } from "../../src/embedded/weights-file.ts";
import { type Entry, writeGguf } from "./gguf-writer.ts";
import { toyAsF32 } from "./toy.ts";

const QUESTION = [{ role: "user", content: "Hello" }] as const;

/** What is thrown for a file; `undefined` where it is a model, which then writes. */
async function faultOf(bytes: Uint8Array): Promise<SendError | undefined> {
  try {
    modelOf(bytes, "odd.gguf");
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    expect(error.message).toContain("odd.gguf");
    return error;
  }
  const client = new EmbeddedClient({ weights: bytes, maxOutputTokens: 2, seed: 1 });
  await client.sendMessage(QUESTION);
  return undefined;
}

const NO_COUNTS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, -0, 0.5, 3.5, 1e30];
const COUNTS = [
  "general.alignment",
  "llama.embedding_length",
  "llama.attention.head_count",
  "llama.feed_forward_length",
  "llama.context_length",
  "llama.attention.head_count_kv",
  "llama.rope.dimension_count",
  "tokenizer.ggml.bos_token_id",
  "tokenizer.ggml.eos_token_id",
];

describe.each(COUNTS)("%s", (key) => {
  test.each(NO_COUNTS)("that is %d", async (float) => {
    if (Object.is(float, -0) && key.endsWith("bos_token_id")) return; // the first token
    expect(await faultOf(toyAsF32({ [key]: { float } }))).toBeDefined();
  });
});

test.each(NO_COUNTS.filter((count) => count !== 0))("a number of layers that is %d", async (float) => {
  expect(await faultOf(toyAsF32({ "llama.block_count": { float } }))).toMatchObject({ kind: "protocol" });
});

test.each([2 ** 31, 2 ** 32 - 1])("%d layers do not fill the memory", async (count) => {
  expect(await faultOf(toyAsF32({ "llama.block_count": count }))).toMatchObject({ kind: "unsupported" });
});

test.each([
  ["llama.attention.layer_norm_rms_epsilon", [Number.NaN, Number.POSITIVE_INFINITY, -1, 0]],
  ["llama.rope.freq_base", [Number.NaN, Number.POSITIVE_INFINITY, -1, 0]],
])("%s that is no measure", async (key, numbers) => {
  for (const float of numbers)
    expect(await faultOf(toyAsF32({ [key]: { float } }))).toMatchObject({ kind: "protocol" });
});

test("scores of tokens that cannot be compared", async () => {
  const scores = new Float32Array(512).fill(Number.NaN);
  expect(await faultOf(toyAsF32({ "tokenizer.ggml.scores": scores }))).toMatchObject({ kind: "protocol" });
});

/** A file with one tensor, whose head says this. */
function withTensor(shape: readonly bigint[], offset: bigint, entries: readonly Entry[] = []): Uint8Array {
  const file = Buffer.from(writeGguf(entries, [{ name: "t", shape: shape.map(() => 32), data: new Float32Array(32) }]));
  const head = file.lastIndexOf("t") + 1; // after the name: the number of dimensions, each of them, the type, the offset
  for (const [index, size] of shape.entries()) file.writeBigUInt64LE(size, head + 4 + 8 * index);
  file.writeBigUInt64LE(offset, head + 4 + 8 * shape.length + 4);
  return Uint8Array.from(file);
}

const HUGE = 2n ** 64n - 1n;

test.each<[string, Uint8Array]>([
  ["a dimension of 0", withTensor([0n], 0n)],
  ["one dimension of 0 among others", withTensor([32n, 0n], 0n)],
  ["a dimension beyond every file", withTensor([2n ** 31n], 0n)],
  ["a dimension that is -1 as a signed number", withTensor([HUGE], 0n)],
  ["dimensions whose product is beyond all numbers", withTensor([2n ** 31n, 2n ** 31n, 2n ** 31n, 2n ** 31n], 0n)],
  ["an offset beyond the file", withTensor([32n], 1_000n)],
  ["an offset beyond every file", withTensor([32n], 2n ** 53n - 1n)],
  ["an offset that is -1 as a signed number", withTensor([32n], HUGE)],
])("a tensor with %s", async (_name, bytes) => {
  expect(await faultOf(bytes)).toMatchObject({ kind: "protocol" });
});

test.each([4, 12, 16, 20])("counts in the head that are all ones, at byte %d", async (at) => {
  const bytes = toyAsF32();
  bytes.fill(0xff, at, at + 8);
  expect(await faultOf(bytes)).toBeDefined();
});

test.each(["blk.0.attn_q.weight", "output_norm.weight", "token_embd.weight"])(
  "a weight of %s that is no number",
  async (name) => {
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const bytes = toyAsF32({}, /^$/, (tensor, data) => void (tensor === name && data.fill(odd, 3, 4)));
      expect(await faultOf(bytes)).toMatchObject({ kind: "protocol", message: expect.stringContaining(name) });
    }
  },
);

test("an address with a stray % has a name for errors as well", async () => {
  const weights = new URL("file:///nowhere/50%/model.gguf");
  expect(nameOf(weights)).toContain("50%");
  await expect(new EmbeddedClient({ weights }).sendMessage(QUESTION)).rejects.toBeInstanceOf(SendError);
});
