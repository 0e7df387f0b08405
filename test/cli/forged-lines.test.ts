/** Lines that the command line writes itself: no model, server, page or name can put one of its own among them. */

import { execFileSync } from "node:child_process";
import { type AssistantMessage, SendError } from "cloudllm";
import { scriptedClient, startProviderServer } from "cloudllm/testing";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { commandOf } from "../../src/cli/arguments.ts";
import { unknownCommand } from "../../src/cli/commands/chat-commands.ts";
import { readLines } from "../../src/cli/lines.ts";
import { oneLine, quoted } from "../../src/cli/one-line.ts";
import { showReply } from "../../src/cli/reply.ts";
import { run } from "../../src/cli/run.ts";
import { optionInShell } from "../../src/cli/shell-word.ts";
import { failureLineOf, statusLineOf } from "../../src/cli/status-line.ts";
import { createTerminal } from "../../src/cli/terminal.ts";
import { visibleJson } from "../../src/page/visible-json.ts";
import { createScreen } from "./screen.ts";

const FORGED = "0.01 s to first token · 1 in, 1 out · $0";

const BREAKS = ["\n", "\r\n", "\r", "\v", "\f", "\u0085", "\u2028", "\u2029", " \n \n"];

/** What hides, or moves what is beside it. */
const INVISIBLE: readonly (readonly [string, string])[] = [
  ["a control character", "\u001b"],
  ["a C1 control", "\u009b"],
  ["DEL", "\u007f"],
  ["a direction override", "\u202e"],
  ["a direction isolate", "\u2066"],
  ["a direction mark", "\u200f"],
  ["an Arabic letter mark", "\u061c"],
  ["zero width space", "\u200b"],
  ["a word joiner", "\u2060"],
  ["a byte order mark", "\ufeff"],
  ["a soft hyphen", "\u00ad"],
  ["a joiner between Latin letters", "\u200d"],
  ["a Hangul filler", "\u3164"],
  ["a blank of Braille", "\u2800"],
  ["tag characters", "\u{e0041}\u{e0042}"],
  ["variation selectors that carry bytes", "\ufe01\u{e0100}\u{e01ef}"],
  ["an annotation", "\ufff9"],
  ["half of a character", "\ud800"],
];

const HIDDEN =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff\ufff9-\ufffb]|[\ufe00-\ufe0d]|[\u{e0000}-\u{e0fff}]/u;

describe("a text of others, as a part of one line", () => {
  test.each(BREAKS)("does not begin a line with %j", (lineBreak) => {
    expect(oneLine(`m${lineBreak}${FORGED}`)).toBe(`m ${FORGED}`);
  });

  test.each(INVISIBLE)("hides nothing behind %s", (_name, character) => {
    const line = oneLine(`gpt${character}-6`);
    expect(line).not.toMatch(HIDDEN);
    expect(line).not.toBe("gpt-6");
  });

  test.each([
    ["emoji of several parts", "👩‍💻 👨🏽‍💻 🏳️‍🌈 ❤️ 1️⃣ ✔︎"],
    ["letters that need their joiners", "می‌خواهم क्‍ष"],
    ["other scripts", "数学 שלום é e\u0301"],
    ["our own columns", "  /help            this"],
  ])("keeps %s", (_name, text) => expect(oneLine(text)).toBe(text));

  test("is always one visible line", () => {
    const pieces = fc.constantFrom(...BREAKS, ...INVISIBLE.map(([, text]) => text), "a", " ", "👩‍💻", "י");
    const text = fc.array(fc.oneof(pieces, fc.string({ unit: "binary" }))).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, (each) => {
        expect(oneLine(each)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_C}]/u);
        expect([...quoted(each, 20)].length).toBeLessThanOrEqual(20);
      }),
    );
  });

  test("does not reach the next line of the screen by blanks", () => {
    expect(quoted(`m${" ".repeat(500)}${FORGED}`)).toBe(`m ${FORGED}`);
    expect(quoted("m".repeat(5_000))).toBe(`${"m".repeat(199)}…`);
  });

  test("costs what it is long", () => {
    const startedAt = performance.now();
    for (const long of [" ", "\u200b", "\n", "\u00a0", "\u001b"]) oneLine(`a${long.repeat(1_000_000)}b`);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

/** Every line that looks like one of ours must begin where ours begin. */
function expectNoForgery(written: string): void {
  const plain = written.replace(/\u001b\[\d*m/g, ""); // our own styles
  for (const line of plain.split(/[\n\v\f\r\u0085\u2028\u2029]/)) expect(line).not.toMatch(/^ *0\.01 s to first token/);
  expect(plain.replaceAll("\n", "")).not.toMatch(HIDDEN);
}

const EVIL = `m\n${FORGED}\u2028${FORGED}\u202e\u200b\u{e0041}`;

describe("on a screen, a forged line does not come from", () => {
  const message: AssistantMessage = {
    role: "assistant",
    content: "",
    reasoning: "",
    toolCalls: [],
    citations: [],
    finishReason: "unknown",
    rawFinishReason: EVIL,
    metrics: { durationMs: 5, chunks: 0, longestGapMs: 0, attempts: [] },
    provider: "openai",
    model: EVIL,
  };

  test("the model and the finish reason in the status line", () => expectNoForgery(statusLineOf(message)));

  test("a mistyped command", () => expectNoForgery(unknownCommand(EVIL)));

  test("a source's title and address", async () => {
    const screen = createScreen();
    const terminal = createTerminal(screen, { NO_COLOR: "1" }, {});
    const script = { steps: [{ text: "So." }, { citation: { url: `https://e.org/${EVIL}`, title: EVIL } }] };
    const client = scriptedClient([script]);
    const { onInterrupt } = terminal;
    await showReply(
      (signal) => client.sendMessageStream([{ role: "user", content: "?" }], { signal }),
      client,
      terminal,
      { onInterrupt },
    );
    expect(screen.written()).toContain("[1] m 0.01");
    expectNoForgery(screen.written());
  });

  test("an error's message", async () => {
    vi.useFakeTimers({ toFake: ["setInterval"] }); // a slow machine would show the sign of waiting, which moves the cursor
    onTestFinished(() => void vi.useRealTimers());
    await using server = await startProviderServer(() => ({ refusal: { status: 400, message: EVIL } }));
    const screen = createScreen({ stdin: false });
    screen.stdin.end();
    expect(await run(["--base-url", server.baseUrl, "-m", EVIL, "Hi"], screen, { NO_COLOR: "1" })).toBe(1);
    expectNoForgery(screen.written());
    expectNoForgery(failureLineOf(new SendError("protocol", EVIL)));
    const wrapped = new SendError("protocol", `No.${" ".repeat(500)}${FORGED}`);
    expect(failureLineOf(wrapped)).toBe(`cloudllm: No. ${FORGED}`);
  });

  test.each([
    ["an option that there is not", [`--${EVIL}`]],
    ["a provider's name", ["-p", EVIL, "Hi"]],
    ["a number that is none", ["-t", EVIL, "Hi"]],
    ["a file's name", ["--env", `/nowhere/${EVIL}`, "Hi"]],
  ])("%s", async (_name, args) => {
    const screen = createScreen();
    expect(await run(args, screen, { NO_COLOR: "1" })).toBe(2);
    expectNoForgery(screen.written());
  });

  test("lines of a chat: what was typed early, a model's and a file's name, the system prompt", async () => {
    const screen = createScreen();
    const typed = ["/model a\u009b\u202eb", `/save /nowhere/\u2067${FORGED}`, "/nosuch\u200bcommand", "/system"];
    screen.stdin.end(`${typed.join("\r")}\r/quit\r`);
    const args = ["chat", "--ephemeral", "-p", "embedded", "--system", EVIL];
    await run(args, screen, { NO_COLOR: "1", TERM: "dumb" });
    expect(screen.written()).toContain("System prompt: m 0.01");
    const shown = screen
      .written()
      .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "")
      .replaceAll("\r", "");
    for (const line of shown.split("\n")) expect(line).not.toMatch(/^ *0\.01 s to first token/);
    expect(shown.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
  });

  test("what was typed before it was asked for", async () => {
    const screen = createScreen();
    const lines = readLines(createTerminal(screen, {}, {}), []);
    screen.stdin.write("a\u009b2J\u202eb\r");
    await new Promise((resolve) => setImmediate(resolve));
    await lines.next("> ");
    lines.close();
    expect(screen.written()).not.toMatch(/[\u0080-\u009f\u202e]/);
  });
});

test("a chunk as JSON is the same JSON, and drives no terminal through a pipe", async () => {
  const chunk = { type: "text", content: `\u009b2J\u007f${EVIL}👩‍💻` };
  const line = visibleJson(JSON.stringify(chunk));
  expect(line).not.toMatch(HIDDEN);
  expect(JSON.parse(line)).toEqual(chunk);
});

test.each(["a\nb", "it's\u200b\u009b\\n", "tab\tand\u2028more"])(
  "a session named %j is continued by what is shown",
  (name) => {
    const said = optionInShell("--session", name);
    expect(said).not.toMatch(HIDDEN);
    if (process.platform === "win32") return; // no shell of this kind
    const words = execFileSync("bash", ["-c", `printf '%s\\0' chat ${said}`], { encoding: "utf8" });
    expect(commandOf(words.split("\0").slice(0, -1))).toMatchObject({ name: "chat", settings: { session: name } });
  },
);
