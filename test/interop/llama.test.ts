/**
 * The embedded engine against llama.cpp: the same tokens for the same text, and the same answer to the same prompt when both
 * always take the likeliest token. llama.cpp is installed apart, in `llama/`, and not needed for anything else.
 */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Message } from "cloudllm";
import { afterAll, describe, expect, test } from "vitest";
import { type LoadedModel, modelOf } from "../../src/embedded/embedded-engine.ts";
import { promptOf } from "../../src/embedded/prompt.ts";
import { likeliest } from "../../src/embedded/sampler.ts";
import { Transformer } from "../../src/embedded/transformer.ts";
import { TOY_BYTES, toyAsF32 } from "../embedded/toy.ts";

const LLAMA = fileURLToPath(new URL("llama/", import.meta.url));
const missing = existsSync(join(LLAMA, "node_modules", "node-llama-cpp"))
  ? ""
  : " [skipped: llama.cpp is not installed; in test/interop/llama, run NODE_LLAMA_CPP_SKIP_DOWNLOAD=true npm install --no-save --omit=optional]";

/** Tokens of an answer that are compared. */
const MAX_TOKENS = 120;
const PROMPTS = 50;

interface Held {
  readonly conversations: readonly (readonly { readonly ask: string }[])[];
}

const HELD = JSON.parse(
  readFileSync(new URL("../../tools/embedded-model/held-out.json", import.meta.url), "utf8"),
) as Held;

const TEXTS = [
  "Hello world",
  "  two  spaces  ",
  "\n\nlines\r\n\tand tabs",
  "Grüße, wörld 🌍 👩‍👩‍👧",
  "你好，世界",
  "ZZZZZZ hippopotamuses 1234567890",
  "x".repeat(300),
  "He said: \"It's 5 o'clock!\"",
  "OPENAI_API_KEY=…",
  "<|im_end|> is a text here",
];

/** Held-out questions, and every fifth time one that follows an answer, or is nothing that the model was trained on. */
const CONVERSATIONS: readonly (readonly Message[])[] = HELD.conversations.slice(0, PROMPTS).map((turns, index) => {
  const [first, second] = turns.map(({ ask }): Message => ({ role: "user", content: ask }));
  if (!first) throw new Error("an empty conversation");
  if (second) return [first, { role: "assistant", content: "I am only a toy model." }, second];
  if (index % 5 === 0) return [{ role: "system", content: "You are a helpful assistant." }, first];
  return index % 5 === 1 ? [{ role: "user", content: TEXTS[index % TEXTS.length] ?? "" }] : [first];
});

/** What llama.cpp says. */
interface Answers {
  readonly texts: readonly (readonly number[])[];
  readonly answers: readonly (readonly number[])[];
}

function greedy({ weights, tokenizer }: LoadedModel, prompt: readonly number[]): readonly number[] {
  const transformer = new Transformer(weights);
  for (const token of prompt) transformer.read(token);
  const answer: number[] = [];
  while (answer.length < MAX_TOKENS) {
    const token = likeliest(transformer.scores());
    if (token === tokenizer.end) break;
    answer.push(token);
    transformer.read(token);
  }
  return answer;
}

describe.skipIf(missing !== "")(`the embedded engine and llama.cpp${missing}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "cloudllm-llama-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const model = modelOf(TOY_BYTES, "toy.gguf");
  const prompts = CONVERSATIONS.map((messages) => promptOf(messages, model.tokenizer, model.weights.shape.context));

  async function llama(bytes: Uint8Array): Promise<Answers> {
    const file = join(folder, "model.gguf");
    writeFileSync(file, bytes);
    const child = spawn(process.execPath, ["greedy.mjs"], { cwd: LLAMA, stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.end(JSON.stringify({ file, texts: TEXTS, prompts, most: MAX_TOKENS }));
    let out = "";
    for await (const piece of child.stdout.setEncoding("utf8")) out += piece;
    return JSON.parse(out) as Answers;
  }

  test("cut texts into the same tokens, and write the same answers to 50 prompts from the same weights", async () => {
    // In single precision: with bytes, llama.cpp rounds its intermediate numbers to bytes, too, which ours does not.
    const { texts, answers } = await llama(toyAsF32());
    expect(TEXTS.map((text) => model.tokenizer.encode(text))).toEqual(texts);
    expect(prompts).toHaveLength(PROMPTS);
    for (const [index, prompt] of prompts.entries()) {
      expect(greedy(model, prompt), JSON.stringify(CONVERSATIONS[index])).toEqual(answers[index]);
    }
  }, 120_000);

  test("llama.cpp reads the file as it is shipped, and mostly writes the same", async () => {
    const { answers } = await llama(TOY_BYTES);
    const same = prompts.filter((prompt, index) => greedy(model, prompt).join() === answers[index]?.join()).length;
    console.log(`as shipped, ${same} of ${PROMPTS} answers are llama.cpp's to the token`);
    expect(same).toBeGreaterThan(PROMPTS / 2);
  }, 120_000);
});
