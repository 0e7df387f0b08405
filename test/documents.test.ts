/**
 * What documents say is so: their code compiles against the built package and runs, against a stand-in provider; their
 * commands print what they show; their links lead somewhere in the tarball; their words are those of the house.
 */

import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { anchorsOf, linksOf } from "./support/links.ts";
import { longSentences, proseFaults, proseOfDocument, proseOfSource } from "./support/prose.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
/** Inside the project, so that `cloudllm` is the package itself. */
const folder = join(root, ".examples", "documents");

interface Block {
  readonly name: string;
  readonly code: string;
}

/** Folders whose comments keep the rules for prose already. Add one when it is clean. */
const CLEAN_FOLDERS: readonly string[] = [
  "examples",
  "src/call",
  "src/cli",
  "src/clients",
  "src/contract",
  "src/credentials",
  "src/dialects",
  "src/embedded",
  "src/models",
  "src/otel",
  "src/page",
  "src/platform",
  "src/protocols",
  "src/reliability",
  "src/runtime",
  "src/schema",
  "src/server",
  "src/session",
  "src/store",
  "src/stream",
  "src/testing",
  "src/tokens",
  "src/transport",
  "src/web",
];

const documents = [
  ...["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "llms.txt"],
  ...readdirSync(join(root, "docs")).flatMap((file) => (file.endsWith(".md") ? [`docs/${file}`] : [])),
];
const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).flatMap((file) =>
  file.endsWith(".ts") ? [`src/${file}`] : [],
);
const blocks = [...documents, ...sources].flatMap((file) => blocksOf(file));

/** Started in a process of its own: imports one block, and calls what it exports if that needs no argument. */
const RUNNER = `
import { startProviderServer } from "cloudllm/testing";
const server = await startProviderServer(() => ({ text: ["Once ", "upon ", "a ", "time."], ending: { usage: { inputTokens: 3, outputTokens: 4 } } }));
process.env.STAND_IN = server.baseUrl;
const exported = await import(process.argv[2]);
for (const value of Object.values(exported)) {
  if (typeof value === "function" && value.length === 0 && !/^class/.test(String(value))) await value();
}
await server.close();
console.log("\\nran");
process.exit();
`;

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, code } of blocks) writeFileSync(join(folder, `${name}.ts`), withStandIn(code));
  writeFileSync(join(folder, "runner.mjs"), RUNNER);
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.examples.json",
      compilerOptions: { rootDir: ".", outDir: "out", noUnusedLocals: false },
      include: ["*.ts"],
      exclude: ["out"],
    }),
  );
  try {
    execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], { encoding: "utf8" });
  } catch (error) {
    throw new Error(`a code block does not compile:\n${(error as { stdout?: string }).stdout}`);
  }
}, 120_000);

test("there are code blocks to check", () => expect(blocks.length).toBeGreaterThan(5));

describe("the code block runs:", () => {
  test.each(blocks.map(({ name }) => name))("%s", async (name) => {
    const env = { PATH: process.env.PATH };
    const { stdout } = await run(process.execPath, ["runner.mjs", `./out/${name}.js`], {
      cwd: folder,
      env,
      timeout: 15_000,
    });
    expect(stdout).toMatch(/ran\s*$/);
  });
});

/** Blocks that begin with a command: it runs offline, and prints what is shown but for the numbers. */
describe("the command prints what the document shows:", () => {
  const shown = documents.flatMap((file) =>
    [...textOf(file).matchAll(/^```text\n\$ (.+)\n([\s\S]*?)^```$/gm)].map(([, command = "", output = ""]) => ({
      command: command.replace(/^npx /, ""),
      output,
    })),
  );
  const isTimed = ({ command }: { command: string }) => command.includes(" compare ");

  async function printed(command: string): Promise<string> {
    const [, ...args] = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");
    const started = run(process.execPath, [join(root, "dist/cli/main.js"), ...args], { cwd: folder, timeout: 15_000 });
    started.child.stdin?.end();
    const { stdout, stderr } = await started;
    return stdout + stderr;
  }

  test.each(shown.filter((each) => !isTimed(each)))("$command", async ({ command, output }) => {
    // A reply that is written within 50 ms has no speed.
    const withoutNumbers = (text: string) => text.replace(/ · \d+ tokens\/s|\d+(?:\.\d+)?/g, "").trim();
    expect(withoutNumbers(await printed(command))).toBe(withoutNumbers(output));
  });

  test.each(shown.filter(isTimed))("$command, but for its bars", async ({ command, output }) => {
    const words = (text: string) => text.match(/[a-z]{2,}/gi)?.slice(0, 7);
    expect(words(await printed(command))).toEqual(words(output));
  });
});

describe("every link leads somewhere in the tarball:", () => {
  const { files } = JSON.parse(textOf("package.json")) as { readonly files: readonly string[] };
  const packed = [...files, "README.md", "LICENSE", "package.json"];

  test.each(documents)("%s", (file) => {
    const broken = linksOf(textOf(file)).filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? file : relative(root, resolve(root, dirname(file), path));
      const isPacked = packed.some((each) => target === each || target.startsWith(`${each}/`));
      if (!isPacked || !existsSync(join(root, target)) || statSync(join(root, target)).isDirectory()) return true;
      return anchor !== undefined && !anchorsOf(textOf(target)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test.each(documents)("%s names files that are there", (file) => {
    const named = [...textOf(file).matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.(?:m?[jt]s|md|sh))`/g)].map(
      ([, path = ""]) => path,
    );
    const missing = named.filter((path) => ![root, join(root, "src")].some((from) => existsSync(join(from, path))));
    expect(missing).toEqual([]);
  });

  test("README.md has at most 200 lines, and the glossary at most 60", () => {
    expect(textOf("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(200);
    expect(textOf("docs/glossary.md").trimEnd().split("\n").length).toBeLessThanOrEqual(60);
  });
});

describe("the prose keeps the rules of the house:", () => {
  test("no document has prose that is wider than 120 columns", () => {
    const { stderr } = spawnSync(process.execPath, [join(root, "scripts/wrap.mjs"), "--check"], { encoding: "utf8" });
    expect(stderr).toBe("");
  });

  test.each(documents)("%s", (file) => {
    // Tables of faults are written by the tests that run them.
    const [written = ""] = textOf(file).split("<!-- The table of faults");
    expect(proseFaults(proseOfDocument(written))).toEqual([]);
    expect(longSentences(written)).toEqual([]);
  });

  test.each(CLEAN_FOLDERS)("comments in %s", (name) => {
    const clean = readdirSync(join(root, name), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => `${name}/${file}`);
    const faults = clean.flatMap((file) => proseFaults(proseOfSource(textOf(file))).map((fault) => `${file}:${fault}`));
    expect(faults).toEqual([]);
  });
});

test("names in the sources are words of the field", () => {
  const named =
    /(?:\b(?:const|let|function|type|interface|class) |#)(held|said|told|spoken|whole|heard|goOn|goesOn)\b/gi;
  const faults = sources.flatMap((file) => [...textOf(file).matchAll(named)].map(([found]) => `${file}: ${found}`));
  expect(faults).toEqual([]);
});

function textOf(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** The `ts` blocks of a document, or of the docstrings in a source file. */
function blocksOf(file: string): Block[] {
  const text = textOf(file);
  const plain = file.endsWith(".ts") ? text.replace(/^ *\* ?/gm, "") : text;
  return [...plain.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""], index) => ({
    name: `${file.replace(/\W/g, "_")}_${index}`,
    code,
  }));
}

/** The same program, asking the stand-in instead of a provider. */
function withStandIn(code: string): string {
  const standIn = 'apiKey: "none", baseUrl: process.env["STAND_IN"] ?? "",';
  return code.replace(/new (OpenAI|Claude|Gemini|Grok|OpenRouter)Client\(\{/g, (made) => `${made} ${standIn}`);
}
