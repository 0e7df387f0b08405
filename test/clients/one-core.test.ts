/**
 * Node has a core of its own in the package, and wire formats of its own. No program may get two: what one knows, the other
 * would not.
 */

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { rolldown } from "rolldown";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DIST = join(ROOT, "dist");

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly imports: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;

/** Every entry of the package by its public name, without the one that needs React. */
const ENTRIES = Object.keys(manifest.exports)
  .filter((entry) => !/json$|react$/.test(entry))
  .map((entry) => entry.replace(".", "cloudllm"));

/** Shared files that Node has of its own, by their names; two of them are a part of its core. */
const TWICE = [
  "core",
  "protocols",
  "stream",
  "anthropic-messages",
  "chat-completions",
  "gemini",
  "ollama",
  "responses",
];

describe("in package.json", () => {
  const { types: _, ...entry } = manifest.exports["."] as Record<string, string>;
  const { types: __, ...web } = manifest.exports["./web"] as Record<string, string>;
  const conditional = { ...manifest.imports, cloudllm: entry, web };

  test("the entries, the shared files and the runtime are chosen by the same conditions in the same order", () => {
    for (const [name, choice] of Object.entries(conditional))
      expect(Object.keys(choice), name).toEqual(Object.keys(manifest.imports["#runtime"] ?? {}));
  });

  test("only Node gets the files of Node", () => {
    const chosen = Object.values(conditional).flatMap((choice) => Object.entries(choice));
    for (const [condition, file] of chosen)
      expect(/[/]node[/.]/.test(file), `${condition}: ${file}`).toBe(condition === "node");
  });
});

describe.skipIf(!existsSync(join(DIST, "index.js")))("in the built package", () => {
  const files = readdirSync(DIST, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".js") && !file.startsWith("page"))
    .map((file) => file.split(sep).join("/"));
  const isTwice = (file: string) => TWICE.some((name) => file === `shared/${name}.js`);

  test("Node has all of them", () => {
    const own = files
      .filter((file) => file.startsWith("node/"))
      .map((file) => file.slice("node/".length, -".js".length));
    expect([...own].sort()).toEqual(
      [...TWICE.filter((name) => !/^(protocols|stream)$/.test(name)), "index", "web"].sort(),
    );
  });

  test("no file imports them by their paths but those beside them and the entry for pages", () => {
    const byPath = new RegExp(`"[./]+/(?:shared/|node/)?(?:${TWICE.join("|")})[.]js"`);
    const importing = files.filter((file) => byPath.test(readFileSync(join(DIST, file), "utf8")));
    expect(importing).toContain("node/index.js");
    expect(importing.filter((file) => !isTwice(file) && !file.startsWith("node/"))).toEqual(["web/index.js"]);
  });

  /** The files of the package that a program of Node's reads which imports these, under these conditions. */
  async function filesReadFor(imported: readonly string[], condition?: string): Promise<readonly string[]> {
    const folder = mkdtempSync(join(tmpdir(), "cloudllm-cores-"));
    try {
      const program = imported.map((name) => `await import(${JSON.stringify(name)});`).join("\n");
      const args = [...(condition ? [`--conditions=${condition}`] : []), "--input-type=module", "--eval", program];
      const env = { ...process.env, NODE_V8_COVERAGE: folder };
      await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
      const read = readdirSync(folder).flatMap((file) => {
        const { result } = JSON.parse(readFileSync(join(folder, file), "utf8")) as { result: { url: string }[] };
        return result.map(({ url }) => /[/]dist[/](.+[.]js)$/.exec(url)?.[1] ?? "");
      });
      return read.filter((file) => file !== "");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  test("every entry and every file that is loaded later has one of each on Node", async () => {
    const later = files.filter(
      (file) => file.startsWith("shared/") && !isTwice(file) && !/static|serve|-chat[.]js/.test(file),
    );
    const read = await filesReadFor([...ENTRIES, ...["index.js", ...later].map((file) => join(DIST, file))]);
    expect(read).toContain("node/core.js");
    expect(read).toContain("shared/turn-source.js");
    expect(read.filter(isTwice)).toEqual([]);
    expect(ENTRIES.length).toBeGreaterThan(10);
  });

  test.each(["bun", "deno", "browser"])("every entry has one of each under the condition %s", async (condition) => {
    const read = await filesReadFor([...ENTRIES, join(DIST, "index.js")], condition);
    expect(read).toContain("shared/core.js");
    expect(read.filter((file) => file.startsWith("node/"))).toEqual([]);
  });

  test.each(["browser", "worker", "default"])(
    "a test runner that chooses entries by %s, and has Node read them, has one of each",
    async (condition) => {
      const chosen = Object.entries(manifest.exports).flatMap(([name, choice]) => {
        if (/json$|react$/.test(name)) return [];
        const { [condition]: file, default: other } = choice as Readonly<Record<string, string>>;
        return [join(ROOT, file ?? other ?? "")];
      });
      const read = await filesReadFor([...ENTRIES, ...chosen]);
      expect(read).toContain("shared/web.js");
      expect(read).toContain("node/core.js");
      expect(read.filter(isTwice)).toEqual([]);
    },
  );

  test.each(["node", "browser"])("a bundler gives a program one core under the condition %s", async (condition) => {
    const build = await rolldown({
      cwd: ROOT,
      input: "program",
      platform: "neutral",
      external: [/^node:/],
      logLevel: "silent",
      resolve: { conditionNames: [condition, "import", "default"] },
      plugins: [
        {
          name: "program",
          resolveId: (id) => (id === "program" ? id : undefined),
          load: (id) =>
            id === "program"
              ? ENTRIES.map((name, at) => `import * as e${at} from "${name}"; globalThis[${at}] = e${at};`).join("\n")
              : undefined,
        },
      ],
    });
    const { output } = await build.generate({ format: "esm" });
    await build.close();
    const code = output.map((file) => (file.type === "chunk" ? file.code : "")).join("\n");
    for (const name of ["SendError", "LLMSession", "ProviderClient"])
      expect(code.match(new RegExp(`\\b${name}(?:\\$\\d+)? = class\\b`, "g")), name).toHaveLength(1);
  });
});
