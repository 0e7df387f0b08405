import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageChunk } from "cloudllm";
import { Gate, type ProviderRequest, startProviderServer } from "cloudllm/testing";
import { afterAll, describe, expect, test } from "vitest";
import { findServers, LOCAL_SERVERS } from "../../src/cli/local-servers.ts";
import { closedServer, command, start, startModelServer } from "./command.ts";

const SECRET = "sk-0123456789abcdef";
const USAGE = { usage: { inputTokens: 7, outputTokens: 3 } };
const STATUS = /^\d+\.\d\d s to first token( · [\d.]+ tokens\/s)? · 7 in, 3 out · m\n$/;

/** Whether a model server of the person who runs this would answer instead. */
const localServer = (await findServers(LOCAL_SERVERS)).length > 0;

const folder = mkdtempSync(join(tmpdir(), "cloudllm-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function at(server: { readonly baseUrl: string }, ...args: readonly string[]): readonly string[] {
  return ["--base-url", server.baseUrl, "--model", "m", ...args];
}

function saidIn(request: ProviderRequest | undefined): unknown {
  return (request?.body as { readonly messages?: unknown } | undefined)?.messages;
}

describe("one question", () => {
  test("puts the reply on stdout, and nothing else", async () => {
    await using server = await startProviderServer([
      { steps: [{ reasoning: "Hm." }, { text: ["**Grüße** ", "🌍\u001b[2J", "!"] }], ending: USAGE },
    ]);
    const { stdout, stderr, code } = await command(at(server, "Say hello", "--system", "Be kind."));
    expect(stdout).toBe("**Grüße** 🌍\u001b[2J!\n");
    expect(stderr).toMatch(STATUS);
    expect(code).toBe(0);
    expect(saidIn(server.requests[0])).toEqual([
      { role: "system", content: "Be kind." },
      { role: "user", content: "Say hello" },
    ]);
  });

  test("adds no second newline", async () => {
    await using server = await startProviderServer([{ text: "One\n" }]);
    expect((await command(at(server, "x"))).stdout).toBe("One\n");
  });

  test("puts a character together that came in two halves", async () => {
    await using server = await startProviderServer([{ text: ["a\ud83c", "\udf0d"], ending: USAGE }]);
    expect((await command(at(server, "x"))).stdout).toBe("a🌍\n");
  });

  test.each([
    ["stdin follows the question after a blank line", ["Summarise"], "line 1\nline 2\n", "Summarise\n\nline 1\nline 2"],
    ["stdin alone is the question", [], "  hi\n", "  hi"],
    ["empty stdin adds nothing", ["Hi"], "\n", "Hi"],
    // An expression for the blanks at the end would look at each of these a quarter of a million times.
    ["stdin with a wide gap is read once", [], `a${" ".repeat(500_000)}b \n`, `a${" ".repeat(500_000)}b`],
  ])("%s", async (_name, words, stdin, question) => {
    await using server = await startProviderServer([{ text: "OK" }]);
    expect((await command(at(server, ...words), { stdin })).code).toBe(0);
    expect(saidIn(server.requests[0])).toEqual([{ role: "user", content: question }]);
  });

  test("sends the options", async () => {
    await using server = await startProviderServer([{ text: "OK" }]);
    await command(at(server, "x", "--max-tokens", "9", "--temperature", "0.5"));
    expect(server.requests[0]?.body).toMatchObject({ model: "m", stream: true, max_tokens: 9, temperature: 0.5 });
  });

  test("--quiet keeps the status line to itself", async () => {
    await using server = await startProviderServer([{ text: "OK", ending: USAGE }]);
    expect(await command(at(server, "-q", "x"))).toEqual({ stdout: "OK\n", stderr: "", code: 0 });
  });

  test("--no-stream asks for one piece and shows the same", async () => {
    await using server = await startProviderServer([{ text: ["Hel", "lo"], ending: USAGE }]);
    const { stdout, stderr } = await command(at(server, "--no-stream", "x"));
    expect(stdout).toBe("Hello\n");
    expect(stderr).toMatch(STATUS);
    expect(server.requests[0]?.body).not.toHaveProperty("stream", true);
  });

  test.each([[[]], [["--no-stream"]]])("--json %j writes every chunk as a line", async (more) => {
    await using server = await startProviderServer([
      {
        steps: [{ reasoning: "Hm." }, { text: ["Hel", "lo"] }, { citation: { url: "https://e.org/" } }],
        ending: USAGE,
      },
    ]);
    const { stdout, code } = await command(at(server, "--json", ...more, "x"));
    const chunks = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as MessageChunk);
    expect(chunks.map((chunk) => chunk.content).join("")).toBe("Hello");
    expect(chunks.map((chunk) => chunk.type)).toEqual(
      expect.arrayContaining(["reasoning", "text", "citation", "final"]),
    );
    expect(chunks.filter((chunk) => chunk.isFinal)).toEqual([chunks.at(-1)]);
    expect(chunks.at(-1)).toMatchObject({ message: { content: "Hello", usage: { outputTokens: 3 } } });
    expect(code).toBe(0);
  });

  test("FORCE_COLOR renders Markdown into a pipe, --no-color wins", async () => {
    await using server = await startProviderServer(() => ({ text: "**bold**" }));
    const env = { FORCE_COLOR: "1" };
    expect((await command(at(server, "x"), { env })).stdout).toMatch(/^\u001b\[1mbold\u001b\[0m\n$/);
    expect((await command(at(server, "--no-color", "x"), { env })).stdout).toBe("**bold**\n");
  });
});

describe("failures are one line on stderr and an exit code", () => {
  test("what came of a cut reply stays", async () => {
    await using server = await startProviderServer([{ text: ["Half ", "an"], ending: "cut" }]);
    const { stdout, stderr, code } = await command(at(server, "x"));
    expect(stdout).toBe("Half an\n");
    expect(stderr).toMatch(/^cloudllm: The reply ended before.*\n$/);
    expect(code).toBe(1);
  });

  test("--json writes what came, and no final chunk", async () => {
    await using server = await startProviderServer([{ text: ["Half ", "an"], ending: "reset" }]);
    const { stdout, code } = await command(at(server, "--json", "x"));
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as MessageChunk).type),
    ).toEqual(["text", "text"]);
    expect(code).toBe(1);
  });

  test("a refused key is not shown, also when the provider repeats it", async () => {
    const message = `Incorrect API key\nprovided: ${SECRET}.`;
    await using server = await startProviderServer([{ refusal: { status: 401, message } }]);
    const { stdout, stderr, code } = await command(["--provider", "openai", "--base-url", server.baseUrl, "x"], {
      env: { OPENAI_API_KEY: SECRET },
    });
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${SECRET}`);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^cloudllm: .*Incorrect API key provided: \[key\]\.?.*\n$/);
    expect(stderr).not.toContain(SECRET);
    expect(code).toBe(1);
  });

  test("a provider without its key says which to set", async () => {
    const { stderr, code } = await command(["--provider", "claude", "x"]);
    expect(stderr).toMatch(/^cloudllm: .*ANTHROPIC_API_KEY.*\n$/);
    expect(code).toBe(1);
  });

  test("a server that is not there", async () => {
    const { baseUrl } = await closedServer();
    for (const more of [[], ["--model", "m"]]) {
      const { stdout, stderr, code } = await command(["--base-url", baseUrl, ...more, "x"]);
      expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
      expect(stderr).toMatch(/^cloudllm: .*Is the server running.*\n$/);
    }
  });

  test("--timeout ends a reply that takes longer", async () => {
    await using server = await startProviderServer([{ text: ["Well, "], ending: "hang" }]);
    const { stdout, stderr, code } = await command(at(server, "--timeout", "2", "x"));
    expect(stdout).toBe("Well, \n");
    expect(stderr).toMatch(/^cloudllm: .+\n$/);
    expect(code).toBe(1);
  });

  test.each([
    ["an unknown option", ["--frob"], "Unknown option '--frob'"],
    ["a misspelled option", ["--modle", "m", "x"], "Unknown option '--modle'. Did you mean --model?"],
    ["no question at all", [], "There is no question."],
    ["an address that is none", ["--base-url", "localhost:80", "x"], "http or https URL"],
    ["a folder", ["--env", folder, "x"], "is a folder. Give a file"],
    ["a file that is not there", ["--env", join(folder, "missing"), "x"], "--env: ENOENT"],
  ])("%s exits with 2", async (_name, args, message) => {
    const { stdout, stderr, code } = await command(args);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^cloudllm: .+\n$/);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

describe("a key over http to a public host", () => {
  const args = ["--base-url", "http://llm.example.invalid/v1", "-m", "m", "x"];
  const env = { CLOUDLLM_API_KEY: "sk-0123456789" };

  test.each([
    ["at once", args, env, 2],
    ["at the first message", ["-p", "openai", ...args], { OPENAI_API_KEY: "sk-0123456789" }, 1],
  ])("is refused %s, with the flag that allows it", async (_when, args, env, exit) => {
    const { stdout, stderr, code } = await command(args, { env });
    expect([stdout, code]).toEqual(["", exit]);
    expect(stderr).toMatch(/readable on the way.* set --allow-insecure-http\.\n$/);
    expect(stderr).not.toContain("allowInsecureHttp");
  });

  test("goes out with --allow-insecure-http", async () => {
    const { stderr } = await command(["--allow-insecure-http", "--timeout", "5", ...args], { env });
    expect(stderr).not.toContain("readable on the way"); // there is no such host
  });
});

describe("the reader may leave", () => {
  test("a closed stdout ends the reply quietly, and closes the connection", async () => {
    const endless = (function* () {
      for (let line = 0; ; line++) yield `line ${line}\n`;
    })();
    await using server = await startProviderServer([{ text: endless }]);
    const running = start(at(server, "x"));
    running.process.stdin.end();
    await running.said("line 1\n");
    running.process.stdout.destroy();
    const { stderr, code } = await running.finished;
    expect(stderr).toBe("");
    expect(code).toBe(0);
    await server.requests[0]?.closed;
  });

  test("Ctrl-C keeps what came, closes the connection and exits with 130", async () => {
    await using server = await startProviderServer([{ text: ["Well", ", "], ending: "hang" }]);
    const running = start(at(server, "x"));
    running.process.stdin.end();
    await running.said("Well, ");
    running.process.kill("SIGINT");
    const { stdout, stderr, code } = await running.finished;
    expect(stdout).toBe("Well, \n");
    expect(stderr).toMatch(/^[^\n]*≈[^\n]* · stopped\n$/);
    expect(code).toBe(130);
    await server.requests[0]?.closed;
  });

  test.each([
    ["streamed", []],
    ["whole", ["--no-stream"]],
    ["JSON", ["--json"]],
  ])("Ctrl-C works before anything came (%s)", async (_name, more) => {
    const thinking = new Gate();
    await using server = await startProviderServer([{ text: "never", opensAfter: thinking }]);
    const running = start(at(server, ...more, "x"));
    running.process.stdin.end();
    await thinking.reached;
    running.process.kill("SIGINT");
    const { stdout, code } = await running.finished;
    expect(stdout).toBe("");
    expect(code).toBe(130);
    await server.requests[0]?.closed;
  });
});

describe("who answers", () => {
  test("a key from --env counts, unless the environment has one", async () => {
    const file = join(folder, "keys.env");
    writeFileSync(file, `OPENAI_API_KEY=${SECRET}\n`);
    await using server = await startProviderServer(() => ({ text: "OK" }));
    const args = ["--env", file, "--provider", "openai", "--base-url", server.baseUrl, "x"];
    expect(await command(args)).toMatchObject({ code: 0 });
    expect(await command(args, { env: { OPENAI_API_KEY: "sk-other" } })).toMatchObject({ code: 0 });
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      `Bearer ${SECRET}`,
      "Bearer sk-other",
    ]);
  });

  test("a server at --base-url is asked for its model; what is wrong with it is said", async () => {
    await using server = await startModelServer(["first"]);
    const { stderr, code } = await command(["--base-url", server.baseUrl, "x"], { env: { CLOUDLLM_API_KEY: "own" } });
    expect(server.keys).toEqual(["Bearer own"]);
    expect(stderr).toMatch(/^cloudllm: .+404.*\n$/); // it lists models and answers nothing
    expect(code).toBe(1);
  });
});

describe("without a key", () => {
  const NOTE =
    /^cloudllm: no key found: talking to the built-in toy model; set OPENAI_API_KEY [^\n]* for a real one[^\n]*\n/;
  /**
   * An empty machine, unless the person who runs this has a model server at its usual port. What the model says is asked for
   * at temperature 0: nothing here depends on chance.
   */
  const embedded = ["--provider", "embedded"];

  test("a question is answered by the built-in model, offline", async () => {
    const { stdout, stderr, code } = await command([...embedded, "-t", "0", "Tell me a story about a fox"]);
    expect(stdout).toMatch(/fox/);
    expect(stderr).toMatch(/s to first token (· [\d.]+ tokens\/s )?· \d+ in, \d+ out · cloudllm-toy\n$/);
    expect(code).toBe(0);
  });

  test.skipIf(localServer)("one line on stderr says so, also where all else is quiet", async () => {
    const { stdout, stderr, code } = await command(["--quiet", "-t", "0", "Hello"]);
    expect(stdout).not.toBe("");
    expect(stderr.match(NOTE)?.[0]).toBe(stderr);
    expect(code).toBe(0);
  });

  test.skipIf(localServer)("compare works, and says so as well", async () => {
    const { stdout, stderr, code } = await command(["compare", "-t", "0", "Tell me a story about a fox"]);
    expect(stdout).toMatch(/first words +last words +tokens\nnon-streamed/);
    expect(stderr).toMatch(NOTE);
    expect(code).toBe(0);
  });

  test("a model that was named is not replaced", async () => {
    const { stdout, stderr, code } = await command([...embedded, "--model", "gpt-5", "x"]);
    expect({ stdout, code }).toEqual({ stdout: "", code: 2 });
    expect(stderr).toMatch(/^cloudllm: There is only one model built in, cloudllm-toy; [^\n]+\n$/);
  });

  test("Ctrl-C ends a reply", async () => {
    const running = start([...embedded, "-t", "0", "Tell me a story about a fox"]);
    running.process.stdin.end();
    await running.said(" ");
    running.process.kill("SIGINT");
    const { code } = await running.finished;
    expect([0, 130]).toContain(code); // it may have been faster
  });
});

describe("compare", () => {
  test("asks both ways, prints the table, and says how many times sooner", async () => {
    await using server = await startProviderServer(({ body }) => {
      const streamed = (body as { readonly stream?: boolean }).stream === true;
      const steps = [{ reasoning: "Hm." }, { text: "Once" }, ...(streamed ? [{ pause: 400 }] : []), { text: " more." }];
      return { opensAfter: streamed ? 20 : 420, steps, ending: USAGE };
    });
    const { stdout, stderr, code } = await command(at(server, "compare", "Tell", "me"));
    expect(server.requests.map(saidIn)).toEqual(Array(2).fill([{ role: "user", content: "Tell me" }]));
    expect(stdout).toMatch(
      /first words +last words +tokens\nnon-streamed +0\.\d\d s +0\.\d\d s +3\nstreamed +0\.\d\d s +0\.\d\d s +3\n/,
    );
    expect(stdout).toMatch(/\nnon-streamed +░{20,}█\nstreamed +░+█{5,}\n/);
    expect(stdout).toMatch(/\nStreamed, the first words were there [\d.]+ times sooner\.\n$/);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  });

  test("fails as a question does", async () => {
    await using server = await startProviderServer([{ text: "OK" }, { text: "Half", ending: "cut" }]);
    const { stdout, stderr, code } = await command(at(server, "compare", "x"));
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
    expect(stderr).toMatch(/^cloudllm: .+\n$/);
  });
});

test("--help and --version go to stdout", async () => {
  const help = await command(["--help"]);
  expect(help).toMatchObject({ stderr: "", code: 0 });
  expect(help.stdout).toMatch(/cloudllm chat[\s\S]+--base-url[\s\S]+OPENAI_API_KEY[\s\S]+Exit codes/);
  expect(await command(["--version"])).toMatchObject({ stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), code: 0 });
});
