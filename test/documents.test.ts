/** Code in docstrings and documents compiles against the built package and runs, against a stand-in provider. */

import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
/** Inside the project, so that `cloudllm` is the package itself. */
const folder = join(root, ".examples", "documents");

interface Block {
  readonly name: string;
  readonly code: string;
}

const documents = [
  ...["README.md", "ARCHITECTURE.md"],
  ...readdirSync(join(root, "docs")).flatMap((file) => (file.endsWith(".md") ? [`docs/${file}`] : [])),
  ...readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).flatMap((file) =>
    file.endsWith(".ts") ? [`src/${file}`] : [],
  ),
];
const blocks = documents.flatMap((file) => blocksOf(file));

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

/** The `ts` blocks of a document, or of the docstrings in a source file. */
function blocksOf(file: string): Block[] {
  const text = readFileSync(join(root, file), "utf8");
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
