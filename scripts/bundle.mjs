/**
 * What `dist/` holds: a file of JavaScript for each entry that package.json names, what several of them need in files between
 * them, and the declarations that an entry leads to. One file a source would cost every program a millisecond for each 25 of
 * them before its first request.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { rolldown } from "rolldown";

/** The wire formats, by the names of their folders. */
const FORMATS = ["anthropic-messages", "chat-completions", "gemini", "ollama", "responses"];

/** A wire format: a file of its own, which a client loads when it needs it. */
const PROTOCOL = new RegExp(`/src/protocols/(${FORMATS.join("|")})/`);

/** A turn of a session: a file of its own, which the first turn loads. */
const TURN =
  /[/]src[/](?:session[/](?:approvals|ask|budget-meter|execute-|merge-|tool-arguments|tool-runner|turn[.]|turn-calls|turn-source|turn-timeout)|stream[/]rest-of-)/;

/** Races between clients: a file of its own, which the first call of a fallback or a hedge loads. */
const RACES = /[/]src[/]reliability[/](?:fallback-|race[.]|races|runner)/;

/** Sessions in stores: a file of its own, which the first of them loads. */
const STORED =
  /[/]src[/]session[/](?:end-left|record-fault|replay|session-log|snapshot|store-deadline|stored-|unsaved-)/;

/** Schemas, and the validation of replies: a file of its own, which the first call with a schema loads. */
const SCHEMAS = /[/]src[/](?:schema[/](?!load-|schema[.]|standard-)|stream[/]validating-)/;

/** The sources of one entry, of one runtime, and of the wire formats. */
const APART = [
  /[/]src[/](?:cli|credentials|dialects|embedded|models|otel|page|react|runtime|server|store|testing|web)[/]/,
  /[/]src[/]protocols[/](?:.+[/]|index|load-|with-)/,
  /[/]src[/](?:reliability|session)[/]load-(?:node|static)/,
  /[/]src[/]transport[/](?:default-|fetch-network|ndjson|node-|proxy-|unsupported-)/,
];

/** Returns whether a source may be shared by every entry. */
const isCommon = (id) => id.includes("/src/") && !APART.some((sources) => sources.test(id));

/**
 * The sources that the wire formats share, in a file that needs no other than `stream`: where the wire formats come with
 * the core, its file waits for theirs, and theirs must not wait for it.
 */
const COMMON =
  /[/]src[/](?:protocols[/](?:(?:capabilities|common)[/]|protocol[.])|platform[/](?:derived|json-text|lazy-part)|schema[/]load-|transport[/]sse)/;

/**
 * What a program on Node reads before its first request. The core is the part of it that is of no one provider: 40 kB more
 * cost a twentieth of the time from the start of the process to the first token.
 */
const FIRST_READ = ["src/index.ts", "src/runtime/node.ts"];

/** The sources that turns, races, recovery and validation share, in a file that none of them loads another for. */
const OF_SEVERAL =
  /[/]src[/](?:reliability[/]ask[.]|schema[/]schema[.]|stream[/](?:complete-source|inner-call|shift-citation|unrepeatable))/;

/** The entry for pages: its program carries nothing of the core that it does not use. */
const VIEWER = "src/web/index.ts";

/**
 * The first entries: those that pages load. The sources of a shared file stand in the order in which the entries need them,
 * and a page's program is compressed better in its own order.
 */
const FIRST = ["./dist/web/index.js", "./dist/runtime/browser.js"];

/** The files that package.json names and that have no source of their own: shared ones, and Node's, made from the others. */
const MADE = /^[.]\/dist\/(?:node|shared)\//;

/** What is joined in the core of Node. */
const IN_CORE = ["core", "protocols", "stream"];

/** The module that exports all of it. */
const CORE = "core";

/** The files that Node has of its own. Others import them as `#shared/…`, and package.json says which ones these are. */
const TWICE = [...IN_CORE, ...FORMATS];

/** The import of such a file by its path. */
const BY_PATH = new RegExp(`(?<=\\b(?:from |import\\())"[./]+/(?:shared/)?(${TWICE.join("|")})\\.js"`, "g");

/**
 * Bundles the entries of `manifest` (a parsed package.json) from `root`/src into `folder`. Returns the files that are in
 * it, those of packages included.
 */
export async function bundle(root, folder, manifest) {
  const files = filesNamed(manifest, ".js").filter((file) => !MADE.test(file));
  const entries = [...new Set([...FIRST, ...files])].map((file) => [
    file.slice("./dist/".length, -".js".length),
    join(root, file.replace("./dist/", "src/").replace(/\.js$/, ".ts")),
  ]);
  const viewer = new Set();
  const firstRead = new Set();
  const build = await rolldown({
    input: Object.fromEntries(entries),
    // What the package says of itself is looked up where it runs.
    external: [/^node:/, ...Object.keys(manifest.imports ?? {}), ...Object.keys(manifest.peerDependencies ?? {})],
    platform: "neutral",
    preserveEntrySignatures: "allow-extension", // for a group without its dependencies
    tsconfig: false,
    optimization: { inlineConst: true },
    checks: { moduleLevelDirective: false }, // "use client" stays the first line of its file
    plugins: [
      {
        name: "viewer-and-facades",
        buildEnd() {
          reach(join(root, VIEWER), (id) => this.getModuleInfo(id), viewer);
          for (const file of FIRST_READ) reach(join(root, file), (id) => this.getModuleInfo(id), firstRead);
        },
        generateBundle(_options, files) {
          dropFacades(files);
          for (const file of Object.values(files))
            if (file.type === "chunk") file.code = withNames(inAscii(unindented(file.code)), file.fileName);
        },
      },
    ],
  });
  const { output } = await build.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "shared/[name].js",
    // The core is one file, since each file more costs half a millisecond; the part of it that pages need is another, since
    // a bundler may keep what a file loads lazily, even when nothing that is used loads it.
    codeSplitting: {
      groups: [
        { name: "stream", test: (id) => isCommon(id) && viewer.has(id), priority: 3 },
        { name: "protocols", test: COMMON, priority: 2 },
        { name: "core", test: (id) => isCommon(id) && firstRead.has(id), priority: 1 },
        { name: "lazy-common", test: OF_SEVERAL, priority: 1 },
        { name: "turn-source", test: TURN },
        { name: "stored-session", test: STORED },
        { name: "races", test: RACES },
        { name: "engine", test: SCHEMAS, includeDependenciesRecursively: false },
        { name: "load-static-chat", test: /[/]load-static-chat/, includeDependenciesRecursively: false },
        { name: (id) => PROTOCOL.exec(id)?.[1], debugName: "protocol", test: PROTOCOL },
      ],
    },
    // Shorter statements, and shorter names of what is local to a function: V8 reads every file before it runs. Lines and
    // the names of functions, classes and public methods stay.
    minifyInternalExports: false, // for `dropFacades`
    minify: { compress: true, mangle: { toplevel: false, keepNames: true }, codegen: false },
    comments: { legal: false, jsdoc: false, annotation: true },
  });
  await build.close();
  await joinForNode(folder);
  await joinForPages(folder);
  return output.flatMap(({ moduleIds = [] }) => moduleIds);
}

/**
 * Makes Node's own files, which are all that a first request waits for: the entry, the core with the parts of the runtime in
 * it, and the wire formats. Each file more costs half a millisecond, and to look up a name such as `#runtime` costs more.
 * The entry for pages is among them, since it is the other one that imports by paths.
 */
function joinForNode(folder) {
  const shared = (name) => join(folder, "shared", `${name}.js`);
  const core = IN_CORE.map(shared);
  const together = [...core, join(folder, "runtime", "node.js"), CORE];
  return joinFiles(folder, {
    to: "node",
    input: {
      index: join(folder, "index.js"),
      web: join(folder, "web", "index.js"),
      core: CORE,
      ...Object.fromEntries(FORMATS.map((name) => [name, shared(name)])),
    },
    inside: together,
    core: core.map((file) => `export * from ${JSON.stringify(file)};`).join("\n"),
    groups: [{ name: "core", test: (id) => together.includes(id) }],
  });
}

/**
 * Makes the entry for pages a file that imports by paths alone, so that a browser reads it without a bundler too. Others
 * reach it by name: a test runner chooses an entry as a page would, and then has Node read it.
 */
async function joinForPages(folder) {
  const input = { index: join(folder, "web", "index.js") };
  await joinFiles(folder, { to: "web", input, inside: [join(folder, "shared", "mirror.js")], groups: [] });
  writeFileSync(join(folder, "shared", "web.js"), 'export * from "#web";\n');
}

/**
 * Joins built files: those of `input`, which are written into the folder `to`, with those of `inside`, which have no file
 * there. `core` is the code of the module that is called so.
 */
async function joinFiles(folder, { to, input, inside, core, groups }) {
  const joined = new Set([...Object.values(input), ...inside]);
  const build = await rolldown({
    cwd: folder, // or the files would name the folder that they are built in
    input,
    platform: "neutral",
    preserveEntrySignatures: "allow-extension",
    tsconfig: false,
    onLog: (_level, { message }) => {
      throw new Error(message); // two files that export the same name, say
    },
    plugins: [
      {
        name: "join",
        resolveId(id, importer) {
          if (importer === undefined || id === CORE || isAbsolute(id)) return id;
          if (id.startsWith("node:")) return null;
          const file = fileOf(id, importer, folder);
          return joined.has(file) ? file : { id: `../shared/${basename(file)}`, external: true };
        },
        load: (id) => (id === CORE ? core : null),
        generateBundle(_options, files) {
          for (const file of Object.values(files)) file.code = inAscii(unindented(file.code));
        },
      },
    ],
  });
  await build.write({
    dir: join(folder, to),
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    codeSplitting: { groups },
    minifyInternalExports: false,
    comments: { legal: false, jsdoc: false, annotation: true },
  });
  await build.close();
}

/** The built file that `id` means in `importer`. */
function fileOf(id, importer, folder) {
  if (id === "#runtime") return join(folder, "runtime", "node.js");
  return id.startsWith("#shared/") ? join(folder, `${id.slice(1)}.js`) : join(dirname(importer), id);
}

/** Leads every `import()` of a file that only passes on the exports of another to that other: one file less to read. */
function dropFacades(files) {
  const chunks = Object.values(files).filter(({ type }) => type === "chunk");
  for (const facade of chunks) {
    const [target, ...others] = facade.imports.map((name) => files[name]);
    if (!facade.isDynamicEntry || facade.moduleIds.length > 0 || !target || others.length > 0) continue;
    if (facade.exports.some((name) => !target.exports.includes(name))) continue;
    const [before, after] = [facade, target].map(({ fileName }) => `/${basename(fileName)}")`); // both are in one folder
    for (const chunk of chunks) {
      if (chunk.dynamicImports.includes(facade.fileName)) chunk.code = chunk.code.replaceAll(before, after);
    }
    delete files[facade.fileName];
  }
}

/** Imports what Node has of its own by name, unless the file is one of them: then it is read where the others are. */
function withNames(code, fileName) {
  const isTwice = TWICE.some((name) => fileName === `shared/${name}.js`);
  return isTwice ? code : code.replace(BY_PATH, '"#shared/$1"');
}

/**
 * Writes code with escapes for what is not ASCII, which stands in strings and expressions only. One such character makes V8
 * keep a whole file in two bytes a character, and its decoding takes a tenth of the time to read it.
 */
function inAscii(code) {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * Takes the indentation out, which V8 would read: every tab at the start of a line is the bundler's, since the sources
 * are indented by spaces. Lines stay what they are.
 */
function unindented(code) {
  return code.replace(/^\t+/gm, "");
}

/** Adds a module, and all that it needs, to `reached`. */
function reach(id, getModuleInfo, reached) {
  if (reached.has(id)) return;
  reached.add(id);
  for (const imported of getModuleInfo(id)?.importedIds ?? []) reach(imported, getModuleInfo, reached);
}

/** Takes the declarations out of `folder` that nobody can import: no entry of `manifest` leads to them. */
export function pruneDeclarations(folder, manifest) {
  const reached = new Set();
  const waiting = filesNamed(manifest.exports, ".d.ts").map((file) => join(folder, file.slice("./dist/".length)));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    const imports = readFileSync(file, "utf8").matchAll(/(?:\bfrom|\bimport\(|\bimport)\s*"(\.[^"]+)\.ts"/g);
    for (const [, path] of imports) waiting.push(join(dirname(file), `${path}.d.ts`));
  }
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (name.endsWith(".d.ts") && !reached.has(join(folder, name))) rmSync(join(folder, name));
  }
}

/** Every built file with such an ending that a part of package.json leads to, each once. */
function filesNamed(value, ending) {
  if (typeof value === "string") return value.startsWith("./dist/") && value.endsWith(ending) ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return [...new Set(Object.values(value).flatMap((part) => filesNamed(part, ending)))];
}
