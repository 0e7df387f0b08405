/** Weights files: whole, damaged, foreign, and not there. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { SendError } from "cloudllm";
import { EmbeddedClient } from "cloudllm/embedded";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { modelOf } from "../../src/embedded/embedded-engine.ts";
import { TOY_BYTES, toyAsF32 } from "./toy.ts";

const QUESTION = [{ role: "user", content: "Hello" }] as const;
const folder = mkdtempSync(join(tmpdir(), "cloudllm-weights-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function changed(at: number, byte: number): Uint8Array {
  const bytes = Uint8Array.from(TOY_BYTES);
  bytes[at] = byte;
  return bytes;
}

function placeOf(text: string): number {
  return Buffer.from(TOY_BYTES).indexOf(text);
}

/** What is wrong with a file, as the client says it. */
async function faultOf(bytes: Uint8Array, name = "model.gguf"): Promise<SendError> {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  const client = new EmbeddedClient({ weights: pathToFileURL(file) });
  const error = await client.sendMessageStream(QUESTION).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SendError)) throw new Error(`no SendError: ${String(error)}`);
  expect(error.message).toContain(file);
  expect(error).toMatchObject({ provider: "embedded", retryable: false });
  return error;
}

describe("a damaged file names itself and what is wrong", () => {
  test.each([
    ["it ends in its tensors", TOY_BYTES.subarray(0, 600_000), "its checksum does not match"],
    ["it ends in its metadata", TOY_BYTES.subarray(0, 40), "it ends after 40 bytes, in the middle of"],
    [
      "it ends in its head",
      TOY_BYTES.subarray(0, 10),
      "it ends after 10 bytes, in the middle of the number of tensors",
    ],
    ["one weight is another", changed(TOY_BYTES.length - 1_000, 99), "its checksum does not match"],
    ["one letter of its vocabulary is another", changed(placeOf("story"), 0x7a), "its checksum does not match"],
    ["it claims a million million tensors", changed(13, 255), "the number of tensors is"],
  ])("%s", async (_name, bytes, message) => {
    const error = await faultOf(bytes);
    expect(error.kind).toBe("protocol");
    expect(error.message).toContain("is damaged: ");
    expect(error.message).toContain(message);
  });

  test.each([
    [
      "a tensor that is not there",
      toyAsF32({ "llama.block_count": 4 }),
      "the tensor blk.3.attn_norm.weight is missing",
    ],
    [
      "another width",
      toyAsF32({ "llama.feed_forward_length": 512 }),
      "ffn_gate.weight has the shape 128 × 256 and not 128 × 512",
    ],
    ["fewer scores than tokens", toyAsF32({ "tokenizer.ggml.scores": new Float32Array(3) }), "differ in number"],
    ["no end of a turn", toyAsF32({ "tokenizer.ggml.eos_token_id": 5_000 }), "eos_token_id is not a token"],
    ["no context length", toyAsF32({ "llama.context_length": undefined }), "llama.context_length is missing"],
  ])("also without a checksum: %s", async (_name, bytes, message) => {
    const error = await faultOf(bytes);
    expect(error.kind).toBe("protocol");
    expect(error.message).toContain(message);
  });

  test("wherever it is cut, and whichever byte is another, it is one of these errors and nothing else", () => {
    const accepted = (bytes: Uint8Array) => {
      try {
        modelOf(bytes, "toy.gguf");
        return true;
      } catch (error) {
        if (error instanceof SendError && error.message.includes("toy.gguf")) return false;
        throw error;
      }
    };
    const place = fc.oneof(fc.nat(30_000), fc.nat(TOY_BYTES.length - 1));
    fc.assert(
      fc.property(place, fc.integer({ min: 1, max: 255 }), (at, change) => {
        if (accepted(TOY_BYTES.subarray(0, at))) return false;
        const isNameOfChecksum = at >= 32 && at < 50; // and its type: without it nothing is checked, and nothing is damaged
        return isNameOfChecksum || !accepted(changed(at, (TOY_BYTES[at] ?? 0) ^ change));
      }),
      {
        numRuns: 60,
        examples: [
          [4, 1],
          [8, 1],
          [16, 1],
          [24, 1],
          [32, 1],
          [46, 1],
          [50, 1],
        ],
      },
    );
  });
});

describe("a foreign file says what it is instead", () => {
  test.each([
    ["an empty file", new Uint8Array(), "it is not a GGUF file (its first bytes are none)"],
    ["a PNG", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0), "it is not a GGUF file (its first bytes are 89 50 4e 47)"],
    ["another version", changed(4, 9), "it is GGUF version 9"],
    ["another architecture", toyAsF32({ "general.architecture": "gemma3" }), "its architecture is gemma3"],
    ["another tokenizer", toyAsF32({ "tokenizer.ggml.model": "gpt2" }), "its tokenizer is gpt2"],
    ["shared heads", toyAsF32({ "llama.attention.head_count_kv": 2 }), "its heads share keys and values"],
    ["stretched positions", toyAsF32({ "llama.rope.scaling.type": "yarn" }), "it stretches its positions"],
    ["a context that no memory holds", toyAsF32({ "llama.context_length": 2 ** 31 }), "tokens is too large"],
    ["another chat", toyAsF32({ "tokenizer.ggml.eos_token_id": 2 }), "its conversations are not in ChatML"],
  ])("%s", async (_name, bytes, message) => {
    const error = await faultOf(bytes);
    expect(error.kind).toBe("unsupported");
    expect(error.message).toContain(message);
  });
});

describe("where the file comes from", () => {
  test("a file that is not there", async () => {
    const weights = pathToFileURL(join(folder, "missing.gguf"));
    const failure = new EmbeddedClient({ weights }).sendMessage(QUESTION);
    await expect(failure).rejects.toMatchObject({
      kind: "notFound",
      message: expect.stringContaining("missing.gguf is not there"),
    });
  });

  test("bytes and a web address do as well; a failed download is tried again by the next message", async () => {
    expect(
      (await new EmbeddedClient({ weights: TOY_BYTES }).sendMessage(QUESTION, { temperature: 0 })).finishReason,
    ).toBe("stop");
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(requests === 1 ? 503 : 200, { connection: "close" }).end(requests === 1 ? "" : TOY_BYTES);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const weights = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/toy.gguf`);
    const client = new EmbeddedClient({ weights });
    await expect(client.sendMessage(QUESTION)).rejects.toThrow(
      `${weights.href} cannot be read: the response has status 503`,
    );
    expect(await client.warm()).toBe(true);
    await client.sendMessage(QUESTION);
    expect(requests).toBe(2);
    server.close();
  });

  test("weights in single precision are read as well", async () => {
    const options = { temperature: 0 };
    const plain = await new EmbeddedClient({ weights: toyAsF32() }).sendMessage(QUESTION, options);
    expect(plain.content).toBe((await new EmbeddedClient().sendMessage(QUESTION, options)).content);
  });

  test.each([[{ weights: "toy.gguf" }], [{ model: "" }], [{ temperature: 9 }], [{ apiKey: "x" }]])(
    "invalid options are refused: %j",
    (options) => {
      expect(() => new EmbeddedClient(options as never)).toThrow(TypeError);
    },
  );
});
