/**
 * Prints what the parts of a page's program weigh, by source file and in bytes of gzip: what the program loses without the
 * file's code. What several files have in common is in none of these weights.
 *
 *     node scripts/page-size.mjs            createChats
 *     node scripts/page-size.mjs relayClient
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { parseAst } from "rolldown/parseAst";

const [name = "createChats"] = process.argv.slice(2);
const SOURCES = fileURLToPath(new URL("../src", import.meta.url));

const weightOf = (code) => gzipSync(code, { level: 9 }).length;

const build = await rolldown({
  input: "program",
  platform: "browser",
  plugins: [
    {
      name: "program",
      resolveId: (id) => (id === "program" ? id : undefined),
      load: (id) =>
        id === "program"
          ? `import { ${name} as kept } from ${JSON.stringify(`${SOURCES}/web/index.ts`)}; globalThis.kept = kept;`
          : undefined,
    },
  ],
});
/** Returns the program. With its names, the statements are the same, and say which file they are from. */
const program = async (mangle) =>
  (await build.generate({ format: "esm", minify: { compress: true, mangle, codegen: mangle } })).output[0];
const { code } = await program(true);
const named = await program(false);
await build.close();

/** Returns the declarations of a program, each with its name if it has one, and its place. */
const declarationsOf = (text) =>
  parseAst(text).body.flatMap((one) =>
    one.type === "VariableDeclaration"
      ? one.declarations.map(({ id, start, end }) => ({ name: id.name, start, end }))
      : [{ name: one.id?.name, start: one.start, end: one.end }],
  );
const sources = Object.entries(named.modules).map(([file, { code: text = "" }]) => [file, text ?? ""]);
const fileOf = (declared) => {
  const made = new RegExp(`(?:function\\*?|class|const|var|let) ${declared?.replaceAll("$", "\\$")}\\b`);
  return sources.find(([, text]) => declared && made.test(text))?.[0];
};
const names = declarationsOf(named.code).map((one) => one.name);
const files = new Map();
for (const [index, { start, end }] of declarationsOf(code).entries()) {
  const file = fileOf(names[index]) ?? SOURCES;
  files.set(file, [...(files.get(file) ?? []), [start, end]]);
}
const without = (places) => places.reduceRight((text, [start, end]) => text.slice(0, start) + text.slice(end), code);
const rows = [...files].map(([file, places]) => [weightOf(code) - weightOf(without(places)), relative(SOURCES, file)]);
for (const [bytes, file] of rows.toSorted(([one], [other]) => other - one))
  console.log(String(bytes).padStart(6), file);
console.log(String(weightOf(code)).padStart(6), `${name}, all of it`);
