/** The options of `cloudllm serve`, and those that it refuses. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { commandOf } from "../../src/cli/arguments.ts";
import { type ServeSettings, tokenOf } from "../../src/cli/serve/settings.ts";
import { command } from "../cli/command.ts";

function settingsOf(...args: readonly string[]): ServeSettings {
  const parsed = commandOf(["serve", ...args]);
  if (parsed.name !== "serve") throw new Error(`parsed as ${parsed.name}`);
  return parsed.serve;
}

const TOKEN = "0123456789abcdef";

test("without options, it serves this machine alone and keeps conversations", () => {
  expect(settingsOf()).toEqual({
    port: 4_242,
    host: "127.0.0.1",
    fallbacks: [],
    models: [],
    also: [],
    store: { type: "default" },
    log: { type: "memory" },
  });
});

test("every option", () => {
  const args =
    "--port 0 --host 0.0.0.0 --model a -m b --also groq --also ollama:qwen3:8b --fallback Anthropic --fallback ollama:qwen3:8b --store sqlite:chats.db --log redis://h:1 --tools t.mjs";
  expect(settingsOf(...args.split(" "), "--token", TOKEN)).toEqual({
    port: 0,
    host: "0.0.0.0",
    fallbacks: [{ provider: "anthropic" }, { provider: "ollama", model: "qwen3:8b" }],
    models: ["b"],
    also: [{ provider: "groq" }, { provider: "ollama", model: "qwen3:8b" }],
    store: { type: "sqlite", file: "chats.db" },
    log: { type: "redis", url: "redis://h:1" },
    tools: "t.mjs",
    token: TOKEN,
  });
});

test.each([
  ["chats", { type: "folder", path: "chats" }],
  ["C:\\chats", { type: "folder", path: "C:\\chats" }],
  ["postgres://u:p@h/d", { type: "postgres", url: "postgres://u:p@h/d" }],
  ["postgresql://h/d", { type: "postgres", url: "postgresql://h/d" }],
  ["rediss://h", { type: "redis", url: "rediss://h" }],
])("--store %s", (given, place) => expect(settingsOf("--store", given).store).toEqual(place));

describe("a wrong option is said in a sentence, with exit code 2", () => {
  test.each([
    [["--port", "65536"], '--port must be an integer from 0 (any free port) to 65535, not "65536".'],
    [["--port", "x"], "--port must be an integer"],
    [["--host", ""], "--host is empty."],
    [["--store", "sqlite:"], "--store sqlite: names no file"],
    [["--store", "mysql://h/d"], "--store must be a folder, sqlite:FILE, postgres://… or redis://…; mysql: is not one"],
    [["--store", "redis://"], "--store is not a valid address"],
    [["--log", "chats"], "--log must be memory, sqlite:FILE or redis://…."],
    [["--log", "postgres://h/d"], "--log must be memory"],
    [["--token", "short"], "The token must have at least 16 characters"],
    [["--token", "with a blank in the middle"], "none a blank"],
    [["--model", "a", "--model", " "], "--model is empty."],
    [["--also", "acme"], 'Unknown provider "acme"'],
    [["--also", "ollama:"], "--also ollama: names no model behind the colon."],
    [["--fallback", "acme"], 'Unknown provider "acme"'],
    [["--fallback", "ollama:"], "names no model behind the colon"],
    [["--session", "x"], "are not for a server"],
    [["Why?"], "serve takes no question"],
    [["--prot", "1"], "Did you mean --port?"],
  ])("%j", (args, message) => {
    expect(() => settingsOf(...args)).toThrow(expect.objectContaining({ exitCode: 2 }));
    expect(() => settingsOf(...args)).toThrow(message);
  });

  test("an option of the server elsewhere", () => {
    expect(() => commandOf(["--port", "1", "chat"])).toThrow("--port is for a server: cloudllm serve --port …");
  });

  test("an address that may hold a password is not repeated", () => {
    const quotes = () => settingsOf("--store", "redis://user:secret@");
    expect(quotes).toThrow("--store is not a valid address");
    expect(quotes).not.toThrow("secret");
  });
});

describe("an address that other machines reach", () => {
  test.each(["0.0.0.0", "::", "192.168.1.7", "example.com", "127.evil.example"])("%s needs a token", (host) => {
    expect(() => tokenOf(settingsOf("--host", host), {})).toThrow("choose a secret that they must know");
    expect(tokenOf(settingsOf("--host", host, "--token", TOKEN), {})).toBe(TOKEN);
    expect(tokenOf(settingsOf("--host", host), { CLOUDLLM_TOKEN: TOKEN })).toBe(TOKEN);
    expect(() => tokenOf(settingsOf("--host", host), { CLOUDLLM_TOKEN: "short" })).toThrow("at least 16 characters");
  });

  test.each(["127.0.0.1", "127.3.4.5", "::1", "[::1]", "localhost"])("%s is not one", (host) => {
    expect(tokenOf(settingsOf("--host", host), {})).toBeUndefined();
  });
});

const folder = mkdtempSync(join(tmpdir(), "cloudllm-tools-"));
afterAll(() => rmSync(folder, { recursive: true }));

function toolModule(): string {
  const path = join(folder, "tools.mjs");
  writeFileSync(path, `export const weather = { name: "weather", parameters: { type: "object" }, run: () => "Rain" };`);
  return path;
}

describe("what cannot be opened is said before the server listens", () => {
  test.each([
    ["a missing module of tools", ["--tools", "missing.mjs"], "--tools missing.mjs cannot be loaded"],
    ["a module without tools", ["--tools", "package.json"], "--tools package.json"],
    ["tools for the toy model, which would refuse every message", ["--tools", toolModule()], "takes no tools"],
    ["an address without a server", ["--host", "203.0.113.1", "--token", TOKEN], "is not an address of this machine"],
  ])("%s", async (_name, args, message) => {
    const { stdout, stderr, code } = await command(["serve", "--provider", "embedded", "--port", "0", ...args]);
    expect(stderr).toContain(message);
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
  });
});
