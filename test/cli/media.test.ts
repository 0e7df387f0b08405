/** Pictures and sounds on the command line: saved under names of ours, told, and never written to the terminal. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Media, MessageChunk } from "cloudllm";
import { type ReplyScript, startProviderServer } from "cloudllm/testing";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { saveMedia } from "../../src/cli/media-files.ts";
import { createTerminal } from "../../src/cli/terminal.ts";
import { command } from "./command.ts";
import { createScreen } from "./screen.ts";

const PNG = "iVBORw0KGgo=";
const root = mkdtempSync(join(tmpdir(), "cloudllm-media-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folder = root;
beforeEach(() => {
  folder = mkdtempSync(join(root, "m-"));
});

const DRAWN: ReplyScript = {
  steps: [
    { text: "Here it is." },
    { media: { mediaType: "image/png", data: PNG } },
    { media: { mediaType: "audio/pcm;rate=24000", pieces: ["QUI=", "Q0Q="] } },
  ],
};

async function saves(media: readonly Media[]): Promise<string> {
  const screen = createScreen();
  await saveMedia(media, folder, createTerminal(screen, {}, {}));
  return screen.written();
}

describe("one question", () => {
  test.each([[[]], [["--no-stream"]]])("saves what came, and says where (%s)", async (more) => {
    await using server = await startProviderServer([DRAWN]);
    const into = join(folder, "new");
    const args = ["--base-url", server.baseUrl, "--model", "m", "draw", "--media", into, ...more];
    const { stdout, stderr, code } = await command(args);
    expect({ stdout, code }).toEqual({ stdout: "Here it is.\n", code: 0 });
    expect(stderr).toContain(`picture: ${join(into, "picture-1.png")}\n`);
    expect(stderr).toContain(`sound: ${join(into, "sound-1.wav")}\n`);
    expect(readFileSync(join(into, "picture-1.png")).toString("base64")).toBe(PNG);
    const wav = readFileSync(join(into, "sound-1.wav"));
    expect(wav.toString("latin1", 0, 4)).toBe("RIFF");
    expect(wav.readUInt32LE(24)).toBe(24_000);
    expect(wav.toString("latin1", 44)).toBe("ABCD");
  });

  test("prints them with --json, and saves nothing", async () => {
    await using server = await startProviderServer([DRAWN]);
    const { stdout } = await command(["--base-url", server.baseUrl, "--model", "m", "draw", "--json"]);
    const chunks = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as MessageChunk);
    expect(chunks.filter(({ type }) => type === "media")).toMatchObject([{ data: PNG }, {}, {}, { append: true }]);
    expect(chunks.at(-1)).toMatchObject({ message: { media: [{ data: PNG }, { data: "QUJDRA==" }] } });
  });

  test("refuses --json with --media", async () => {
    const { stderr, code } = await command(["draw", "--json", "--media", folder]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("give one of them") });
  });

  test("saves what came before the reply broke", async () => {
    await using server = await startProviderServer([{ ...DRAWN, ending: "cut" }]);
    const { stderr, code } = await command(["--base-url", server.baseUrl, "--model", "m", "draw", "--media", folder]);
    expect(code).toBe(1);
    expect(stderr).toContain("picture: ");
    expect(stderr).toContain("sound (not complete): ");
  });
});

describe("the files", () => {
  test("overwrite nothing and follow no link", async () => {
    writeFileSync(join(folder, "picture-1.png"), "mine");
    symlinkSync(join(folder, "elsewhere"), join(folder, "picture-2.png"));
    await saves([{ mediaType: "image/png", data: PNG }]);
    expect(readFileSync(join(folder, "picture-1.png"), "utf8")).toBe("mine");
    expect(readdirSync(folder).sort()).toEqual(["picture-1.png", "picture-2.png", "picture-3.png"]);
    expect(statSync(join(folder, "picture-3.png")).mode & 0o077).toBe(0);
  });

  test("have names of ours, for any name and type of the provider", async () => {
    await saves([
      { mediaType: "image/../../evil", data: PNG, name: "../../evil" },
      { mediaType: "constructor/x", data: PNG },
      { mediaType: "__proto__", data: PNG },
      { mediaType: "", data: PNG },
    ]);
    expect(readdirSync(folder).sort()).toEqual(["file-1.bin", "file-2.bin", "file-3.bin", "picture-1.bin"]);
  });

  test("are not made for what is elsewhere: its address is reported, without signs that drive the terminal", async () => {
    const told = await saves([
      { mediaType: "image/png", url: "https://example.com/a.png\u001b[2J" },
      { mediaType: "image/png", fileId: "file_1" },
    ]);
    expect(told).toContain("picture: https://example.com/a.png");
    expect(told).toContain("file_1");
    expect(told).not.toContain("\u001b[2J");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("that cannot be written do not keep the others from being written, and the failure is reported", async () => {
    writeFileSync(join(folder, "no-folder"), "");
    const inFile = saveMedia(
      [{ mediaType: "image/png", data: PNG }],
      join(folder, "no-folder"),
      createTerminal(createScreen(), {}, {}),
    );
    await expect(inFile).rejects.toThrow(/could not be saved/);
  });
});
