import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ProviderRequest, type ServerReply, startProviderServer } from "cloudllm/testing";
import { afterAll, describe, expect, test } from "vitest";
import { command, start } from "./command.ts";

const USAGE = { usage: { inputTokens: 10, outputTokens: 2 } };

const folder = mkdtempSync(join(tmpdir(), "cloudllm-chat-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Body {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

function bodyOf(request: ProviderRequest | undefined): Body {
  return request?.body as Body;
}

/** Every message as `role: text`. */
function said(request: ProviderRequest | undefined): readonly string[] {
  return bodyOf(request).messages.map(({ role, content }) => `${role}: ${content}`);
}

async function chat(replies: readonly ServerReply[], lines: readonly string[], ...args: readonly string[]) {
  await using server = await startProviderServer(replies);
  const settings = ["chat", "--base-url", server.baseUrl, "--model", "m", "-q", ...args];
  const result = await command(settings, { stdin: lines.map((line) => `${line}\n`).join("") });
  return { ...result, requests: server.requests };
}

describe("a scripted chat", () => {
  test("has one turn a line, and remembers", async () => {
    const { stdout, stderr, code, requests } = await chat(
      [{ text: "One" }, { text: "Two" }],
      ["First?", "", "Second?"],
    );
    expect(stdout).toBe("One\nTwo\n");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(said(requests[1])).toEqual(["user: First?", "assistant: One", "user: Second?"]);
  });

  test("reports a status line after each turn, unless it is to be quiet", async () => {
    await using server = await startProviderServer(() => ({ text: "OK", ending: USAGE }));
    const { stderr } = await command(["chat", "--base-url", server.baseUrl, "-m", "m"], { stdin: "a\nb\n" });
    expect(stderr.split("\n")).toEqual([
      expect.stringMatching(/10 in, 2 out · m$/),
      expect.stringMatching(/ · m$/),
      "",
    ]);
  });

  test("understands turns of several lines", async () => {
    const lines = ["one\\", "two", '"""', "three", "/help", '"""'];
    const { requests } = await chat([{ text: "A" }, { text: "B" }], lines);
    expect(said(requests[1])).toEqual(["user: one\ntwo", "assistant: A", "user: three\n/help"]);
  });

  test("continues after a failure, keeps what came, and exits with 1", async () => {
    const replies: ServerReply[] = [
      { text: "Half an", ending: "cut" },
      { refusal: { status: 400, message: "Not so." } },
      { text: "Whole" },
    ];
    const { stdout, stderr, code, requests } = await chat(replies, ["a", "b", "c"]);
    expect(stdout).toBe("Half an\nWhole\n");
    expect(stderr).toMatch(
      /^cloudllm: The reply ended before[^\n]+\ncloudllm: [^\n]*Not so\.[^\n]* \/retry asks again\.\n$/,
    );
    expect(said(requests[2])).toEqual(["user: a", "assistant: Half an", "user: c"]);
    expect(code).toBe(1);
  });

  test("--no-stream asks for non-streamed replies", async () => {
    const { stdout, requests } = await chat([{ text: ["O", "ne"] }, { text: "Two" }], ["a", "b"], "--no-stream");
    expect(stdout).toBe("One\nTwo\n");
    expect(said(requests[1])).toEqual(["user: a", "assistant: One", "user: b"]);
    expect(bodyOf(requests[1])).not.toHaveProperty("stream", true);
  });

  test("Ctrl-C stops the reply and keeps what came; the next line is answered", async () => {
    await using server = await startProviderServer([{ text: ["Well", ", "], ending: "hang" }, { text: "Fine" }]);
    const running = start(["chat", "--base-url", server.baseUrl, "-m", "m"]);
    running.process.stdin.write("a\n");
    await running.said("Well, ");
    running.process.kill("SIGINT");
    await server.requests[0]?.closed;
    running.process.stdin.write("b\n");
    await running.said("Fine");
    running.process.kill("SIGINT"); // nothing is under way, so it leaves
    const { stdout, stderr, code } = await running.finished;
    expect(stdout).toBe("Well, \nFine\n");
    expect(stderr).toMatch(/ · stopped\n/);
    expect(said(server.requests[1])).toEqual(["user: a", "assistant: Well, ", "user: b"]);
    expect(code).toBe(130);
  });

  test("a second Ctrl-C leaves, however many lines wait", async () => {
    await using server = await startProviderServer(() => ({ text: "Well, ", ending: "hang" }));
    const running = start(["chat", "--base-url", server.baseUrl, "-m", "m"]);
    running.process.stdin.end("a\nb\nc\nd\n");
    await running.said("Well, ");
    running.process.kill("SIGINT");
    await running.said("Well, \nWell, ");
    running.process.kill("SIGINT");
    expect(await running.finished).toMatchObject({ stdout: "Well, \nWell, \n", code: 130 });
    expect(server.requests).toHaveLength(2);
  });

  test("ends quietly without a reader any more", async () => {
    await using server = await startProviderServer(() => ({ text: "word ".repeat(10_000) }));
    const running = start(["chat", "--base-url", server.baseUrl, "-m", "m"]);
    running.process.stdin.write("a\n");
    await running.said("word");
    running.process.stdout.destroy();
    running.process.stdin.write("b\nc\n");
    expect(await running.finished).toMatchObject({ code: 0 });
  });
});

describe("commands", () => {
  test("/help lists every command, also those after it", async () => {
    const { stdout, stderr, code } = await chat([], ["/help"]);
    for (const name of ["model", "system", "usage", "retry", "clear", "save", "load", "help", "quit"]) {
      expect(stderr).toContain(`/${name}`);
    }
    expect({ stdout, code }).toEqual({ stdout: "", code: 0 });
  });

  test("/quit leaves at once", async () => {
    const { code, requests } = await chat([], ["/quit", "never sent"]);
    expect(code).toBe(0);
    expect(requests).toHaveLength(0);
  });

  test("an unknown one is answered, not sent", async () => {
    const { stderr, code, requests } = await chat([{ text: "OK" }], ["/sav x", "/frob", " /etc?"]);
    expect(stderr).toBe(
      "Unknown command /sav. Did you mean /save?\n" +
        "Unknown command /frob. There are /model /system /usage /retry /clear /save /load /help /quit.\n",
    );
    expect(said(requests[0])).toEqual(["user: /etc?"]);
    expect(code).toBe(1);
  });

  test("/model shows and changes it, in the same conversation", async () => {
    const { stderr, requests } = await chat([{ text: "A" }, { text: "B" }], ["/model", "a", "/model big", "b"]);
    expect(stderr).toBe("compatible m\nModels: stand-in\nFrom now on: compatible big\n");
    expect(requests.map((request) => bodyOf(request).model)).toEqual(["m", "big"]);
    expect(said(requests[1])).toEqual(["user: a", "assistant: A", "user: b"]);
  });

  test("/system shows, sets and takes away", async () => {
    const lines = ["/system", "a", "/system Be brief.", "b", "/system none", "c"];
    const { stderr, requests } = await chat(
      [{ text: "A" }, { text: "B" }, { text: "C" }],
      lines,
      "--system",
      "Be kind.",
    );
    expect(stderr).toBe("System prompt: Be kind.\nSystem prompt: Be brief.\nThere is no system prompt.\n");
    expect(requests.map((request) => said(request)[0])).toEqual(["system: Be kind.", "system: Be brief.", "user: a"]);
  });

  test("/usage adds up what was reported and what was not", async () => {
    const { stderr } = await chat(
      [
        { text: "A", ending: USAGE },
        { text: "Half", ending: "cut" },
      ],
      ["a", "b", "/usage"],
    );
    expect(stderr).toMatch(/\n2 replies: 10 tokens in, 2 out, and ≈\d+ in, ≈\d+ out not reported\.\n$/);
  });

  test("/retry takes the last answer back", async () => {
    const { stdout, requests } = await chat([{ text: "A" }, { text: "B" }, { text: "C" }], ["a", "/retry", "b"]);
    expect(stdout).toBe("A\nB\nC\n");
    expect(said(requests[1])).toEqual(["user: a"]);
    expect(said(requests[2])).toEqual(["user: a", "assistant: B", "user: b"]);
  });

  test("/retry after a refusal says again what was never answered", async () => {
    const replies: ServerReply[] = [{ text: "A" }, { refusal: { status: 400 } }, { text: "B" }];
    const { stdout, requests } = await chat(replies, ["a", "b", "/retry"]);
    expect(stdout).toBe("A\nB\n");
    expect(said(requests[2])).toEqual(["user: a", "assistant: A", "user: b"]);
  });

  test("/retry that is refused leaves the earlier answer", async () => {
    const replies: ServerReply[] = [{ text: "A" }, { refusal: { status: 400 } }, { text: "B" }];
    const { stderr, requests } = await chat(replies, ["a", "/retry", "b"]);
    expect(stderr).toMatch(/\nThe earlier answer stays\.\n$/);
    expect(said(requests[2])).toEqual(["user: a", "assistant: A", "user: b"]);
  });

  test("/retry with nothing to retry says so", async () => {
    expect((await chat([], ["/retry"])).stderr).toBe("There is nothing to ask again.\n");
  });

  test("/clear forgets", async () => {
    const { requests } = await chat([{ text: "A" }, { text: "B" }], ["a", "/clear", "b"]);
    expect(said(requests[1])).toEqual(["user: b"]);
  });

  test("/save and /load carry a conversation over, for its owner only", async () => {
    const file = join(folder, "talk.json");
    const first = await chat([{ text: "A", ending: USAGE }], ["a", `/save ${file}`], "--system", "Be kind.");
    expect(first.stderr).toBe(`Saved 2 messages to ${file}.\n`);
    expect(statSync(file).mode & 0o777).toBe(process.platform === "win32" ? 0o666 : 0o600);
    const second = await chat([{ text: "B", ending: USAGE }], [`/load ${file}`, "b", "/usage", `/save ${file}`]);
    expect(second.stderr).toBe(
      `Loaded 2 messages from ${file}.\n2 replies: 20 tokens in, 4 out.\nSaved 4 messages to ${file}.\n`,
    );
    expect(said(second.requests[0])).toEqual(["system: Be kind.", "user: a", "assistant: A", "user: b"]);
  });

  test("/save spares a file that is something else, /load refuses it", async () => {
    const file = join(folder, "notes.txt");
    writeFileSync(file, "my notes");
    const { stderr, code, requests } = await chat(
      [{ text: "OK" }],
      [`/save ${file}`, `/load ${file}`, "/load", "go on"],
    );
    expect(stderr).toContain("was left as it is");
    expect(stderr).toContain(`No conversation could be loaded from ${file}`);
    expect(stderr).toContain("/load needs the name of a file.");
    expect(readFileSync(file, "utf8")).toBe("my notes");
    expect(requests).toHaveLength(1);
    expect(code).toBe(1);
  });
});

describe("a chat with the built-in model", () => {
  test("holds several turns, and more of them than the model can look at", async () => {
    const lines = [
      "Hello",
      "Tell me a story about a fox",
      "Another one",
      "Tell me a story about Anna",
      "Another one",
      "Thanks",
      "/usage",
    ];
    const args = ["chat", "--provider", "embedded", "-q", "--temperature", "0"];
    const { stdout, stderr, code } = await command(args, { stdin: lines.map((line) => `${line}\n`).join("") });
    expect(stdout.trimEnd().split("\n")).toHaveLength(6);
    expect(stdout).toMatch(/fox[\s\S]+Anna/);
    expect(stderr).toMatch(/^6 replies: \d+ tokens in, \d+ out\.\n$/);
    expect(code).toBe(0);
  });
});
