/**
 * Writes src/models/data.ts: `node scripts/models.mjs path/to/models.json` (or another file, when one is named after it).
 *
 * The file is a collection of model ids with windows and prices, each with the sources that state it and those that disagree.
 * What it has in prose only, and what was found on other pages, stands below, each with its source. Nothing is reckoned but where
 * a multiple is stated.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LISTS } from "./models/lists.mjs";

const [input, output = fileURLToPath(new URL("../src/models/data.ts", import.meta.url))] = process.argv.slice(2);
if (input === undefined) throw new Error("Name the collection: node scripts/models.mjs path/to/models.json");
const collection = JSON.parse(readFileSync(input, "utf8"));

/** As our clients call them. */
const PROVIDERS = {
  openai: "openai",
  anthropic: "anthropic",
  google: "gemini",
  xai: "xai",
  deepseek: "deepseek",
  mistral: "mistral",
  groq: "groq",
};

/**
 * Gone for long, never public, or listed by one source that nobody confirms; and names that move from one model to the next,
 * which have no price of their own (the reply says which model it was).
 */
const LEFT_OUT = [
  /^gpt-(3\.5-turbo-|4-32k|4\.5)|^o1-(mini|preview)|^codex-mini|-cyber$|^gpt-daybreak|^gpt-5\.6-.*-pro$|^gpt-5\.1-mini$/,
  /^(gpt-chat|chatgpt-4o|gemini-(pro|flash|flash-lite)|grok)-latest$/,
  /^claude-3|^claude-(haiku|sonnet)-3|^claude-mythos/,
  /^gemini-(1|2\.0|exp|pro)|^gemini-2\.5-.*preview-0[456]/,
  /^grok-(2|beta|vision|3-fast|3-mini-fast|4\.1-)|^grok-4-fast-nonreasoning$|^grok-4\.20-(beta|multi)/,
];

/** The day of the collection, for what it took from web pages. */
const written = /Written (\d{4}-\d\d-\d\d)/.exec(collection.about)?.[1];

const sources = new Map();

/** One letter for each source; `date` is that of the snapshot, or the day on which the page was read. */
function letterOf(name, date) {
  const known = [...sources].find(([, source]) => source.name === name);
  if (known) return known[0];
  const letter = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[sources.size];
  sources.set(letter, { name, date });
  return letter;
}

function lettersOf(provider, keys) {
  return keys
    .map((key) => {
      const path = collection.sourcePaths[key];
      if (path === undefined) return letterOf(key.replace(/ \(.*\)$/, ""), written);
      const name = typeof path === "string" ? path : path[provider];
      return letterOf(name.replace(/ \(.*\)$/, ""), collection.snapshots[name.split(" ")[0]]);
    })
    .sort()
    .join("");
}

/** What the collection says in prose, without a page. */
const notes = () => letterOf("notes of the collection that scripts/models.mjs reads", written);
/** What pages say that the collection does not hold, read on the day given. */
const READ = "2026-11-24";
const page = (name) => letterOf(name, READ);
const OPENAI_CACHING = "https://developers.openai.com/api/docs/guides/prompt-caching";

/** The first day on which the model does not answer any more. */
const RETIREMENTS = [
  {
    page: "https://spybara.com/openai/api/history/docs/en/2026-04-22-0555..2026-04-23-0556/ (OpenAI's deprecations page)",
    openai: {
      "2026-07-23": /^gpt-5-(chat-latest|codex)$|^gpt-5\.1-(chat|codex)|^gpt-5\.2-codex$|-search-preview$/,
    },
  },
  {
    page: "https://spybara.com/openai/api/history/docs/en/2026-05-12-1857..2026-05-14-2100/ (OpenAI's deprecations page)",
    openai: { "2026-08-10": /^gpt-5\.[23]-chat-latest$/ },
  },
  {
    page: "https://dev.to/importstatic/every-openai-model-shutdown-date-until-january-2027-and-what-replaces-it-1dfk",
    openai: {
      "2026-10-23": /^(gpt-3\.5-turbo|gpt-4|gpt-4-turbo|gpt-4o-2024-05-13|o1|o1-pro|o3-mini|o4-mini|gpt-4\.1-nano)$/,
    },
  },
  {
    page: "https://developers.openai.com/api/docs/deprecations",
    openai: { "2026-12-11": /^(gpt-5|gpt-5-mini|gpt-5-nano|gpt-5-pro|o3|o3-pro)$/ },
  },
  {
    page: "https://dev.to/max_bob/openai-api-deprecations-2026-2027-every-shutdown-date-and-recommended-replacement-gpt-4o-2ffm",
    openai: {
      "2027-01-14": /^(gpt-4o|gpt-4o-mini|gpt-4\.1|gpt-4\.1-mini)$/,
      "2027-04-01": /^(gpt-5\.1|gpt-5\.3-codex|gpt-5\.4-nano)$/,
    },
  },
  {
    page: "https://platform.claude.com/docs/en/release-notes/overview (by ottto-ai/ai-provider-watch)",
    anthropic: { "2026-06-15": /^claude-(sonnet|opus)-4-(0|20250514)$/ },
  },
  {
    page: "https://github.com/multidotdev/cli/releases/tag/v0.0.135",
    anthropic: { "2026-08-05": /^claude-opus-4-1$/ },
  },
  {
    page: "npm @anthropic-ai/sdk 1.14.0 src/internal/data/deprecated-models.ts",
    anthropic: { "2027-01-22": /^claude-opus-4-5$/ },
  },
  {
    page: "https://platform.claude.com/docs/en/models/sonnet-4-5/overview",
    anthropic: { "2026-11-30": /^claude-sonnet-4-5$/ },
  },
  {
    page: "https://ai.google.dev/gemini-api/docs/deprecations",
    google: { "2026-03-09": /^gemini-3-pro-preview$/, "2026-05-25": /^gemini-3\.1-flash-lite-preview$/ },
  },
  {
    page: "https://dev.to/aideprecations/what-to-do-before-gemini-25-pro-and-25-flash-are-retired-on-december-1-2026-5gg9",
    google: { "2026-12-01": /^gemini-2\.5-(pro|flash)$/ },
  },
  {
    page: "https://docs.x.ai/developers/migration/may-15-retirement",
    xai: { "2026-05-15": /^grok-(3|4|4-fast.*|4-1-fast.*|code-fast-1)$/ },
  },
];

function retirementOf(provider, id) {
  for (const { page: name, [provider]: days = {} } of RETIREMENTS) {
    const day = Object.keys(days).find((each) => days[each].test(id));
    if (day) return [day, page(name)];
  }
  return undefined;
}

/** Prices that the collection lacks. */
const FOUND = {
  "grok-4.20-reasoning": [
    "https://docs.x.ai/developers/models/grok-4.20-0309.md",
    { input: 1.25, cachedInput: 0.2, output: 2.5 },
  ],
  "grok-4.20-non-reasoning": ["https://docs.apiyi.com/api-capabilities/grok/overview", { input: 1.25, output: 2.5 }],
};

/** The facts of younger lists, by provider and id. */
const YOUNGER = Object.fromEntries(
  Object.entries(LISTS).map(([provider, lists]) => [
    provider,
    new Map(lists.flatMap(({ source, rows }) => rows.map((row) => [row[0], { source, row }]))),
  ]),
);

/** Puts the facts of a younger list in the place of those of the collection. */
function corrected(provider, row) {
  const younger = YOUNGER[provider]?.get(row.id);
  if (!younger) return row;
  const letter = letterOf(...younger.source);
  const [, contextWindow, maxOutputTokens, [input, cachedInput, cacheWrite, output], more] = younger.row;
  const facts = { contextWindow, maxOutputTokens, input, cachedInput, cacheWrite, output };
  for (const [name, value] of Object.entries(facts)) if (value != null) row[name] = [value, letter];
  if (provider === "anthropic" && row.cacheWriteHour) row.cacheWriteHour = [round(input * 2), notes()];
  if (more?.long) {
    const [from, [longInput, longCached, longWrite, longOutput]] = more.long;
    row.longInput = [
      from,
      letter,
      {
        input: round(longInput),
        ...(longCached && { cachedInput: round(longCached) }),
        ...(longWrite && { cacheWrite: round(longWrite) }),
        output: round(longOutput),
      },
    ];
  }
  return row;
}

/** Where a name outlives its model, whatever answers to it then is billed at its own price. */
const REDIRECTS = /^gemini-2\.5-(pro|flash)$|^grok-/;

/** From how much input on a request costs more: `[first token, source, prices where they are stated]`. */
function longInputOf(provider, { id, contextWindow, ...row }) {
  if (provider === "openai" && contextWindow?.[0] === 1_050_000) return [272_001, notes()];
  if (id === "gemini-2.5-pro") {
    return [200_001, lettersOf(provider, ["tanstack"]), { input: 2.5, output: 15 }];
  }
  if (provider === "google" && /-pro-preview/.test(id)) return [200_001, notes()];
  // More than their window, which a beta header allows.
  if (/^claude-sonnet-4-(0|5|20250514)$/.test(id)) return [200_001, notes()];
  if (/^grok-4\.(20-.*|[356])$/.test(id)) return [200_000, notes(), timesTwo(row)];
  if (id === "grok-4.7") return [200_000, notes()];
  return undefined;
}

/** Prices that are known to change: `[last day, source, what holds then]`. */
function untilOf(row) {
  if (row.id === "gemini-3.8-flash") return ["2026-12-31", row.input[1], timesTwo(row)];
  if (row.id === "gemini-4-argon") return ["2026-11-30", row.input[1], timesTwo(row)];
  if (row.retired && REDIRECTS.test(row.id)) return [dayBefore(row.retired[0]), row.retired[1]];
  return undefined;
}

function timesTwo({ input, output, cachedInput }) {
  return { input: input[0] * 2, output: output[0] * 2, ...(cachedInput && { cachedInput: cachedInput[0] * 2 }) };
}

function dayBefore(day) {
  return new Date(Date.parse(day) - 86_400_000).toISOString().slice(0, 10);
}

/** Floating point leaves dust behind. */
const round = (value) => Number(value.toPrecision(12));

function rowOf(provider, model, lettersFor) {
  const fact = (value) => value && [value.value, lettersFor(value)];
  const { contextWindow, maxOutput, price = {} } = model;
  const row = {
    id: model.id,
    contextWindow: fact(contextWindow),
    maxOutputTokens: fact(maxOutput),
    input: fact(price.input),
    cachedInput: fact(price.cachedInput),
    cacheWrite: fact(price.cacheWrite),
    output: fact(price.output),
  };
  for (const [name, value] of Object.entries(FOUND[model.id]?.[1] ?? {})) row[name] = [value, page(FOUND[model.id][0])];
  const times = (factor, source) => row.input && [round(row.input[0] * factor), source];
  if (provider === "anthropic") {
    row.cacheWrite ??= times(1.25, notes());
    row.cacheWriteHour = times(2, notes());
  }
  if (provider === "openai") {
    // From 5.6 on; before, writing costs what reading afresh costs.
    const isPriced = /^gpt-(5\.6|[6-9])/.test(model.id);
    if (isPriced || row.cachedInput) row.cacheWrite ??= times(isPriced ? 1.25 : 1, page(OPENAI_CACHING));
  }
  // Google's is what an hour of storage costs.
  if (provider === "google") row.cacheWrite = undefined;
  corrected(provider, row);
  row.retired = retirementOf(provider, model.id);
  row.longInput ??= row.input && longInputOf(provider, row);
  row.until = row.input && untilOf(row);
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined));
}

const isKnown = (provider, { id, price, contextWindow }) =>
  Boolean(price ?? contextWindow ?? retirementOf(provider, id));

function rowsOf(provider) {
  const snapshots = (collection.providers[provider] ?? [])
    .filter((model) => model.kind === "chat" && isKnown(provider, model) && !LEFT_OUT.some((ids) => ids.test(model.id)))
    .map((model) => rowOf(provider, model, (value) => lettersOf(provider, value.sources)));
  const newer = collection.newerThanSnapshots
    .filter((model) => model.provider === provider && isKnown(provider, model))
    .map((model) => {
      const fact = (value) => (value === undefined ? undefined : { value, letter: letterOf(model.source, written) });
      const { id, contextWindow, maxOutput, price = {} } = model;
      const prices = Object.fromEntries(Object.entries(price).map(([name, value]) => [name, fact(value)]));
      const facts = { id, contextWindow: fact(contextWindow), maxOutput: fact(maxOutput), price: prices };
      return rowOf(provider, facts, (value) => value.letter);
    });
  const known = new Set([...snapshots, ...newer].map(({ id }) => id));
  const youngest = [...(YOUNGER[provider]?.keys() ?? [])]
    .filter((id) => !known.has(id))
    .map((id) => rowOf(provider, { id }, () => ""));
  const rows = [...snapshots, ...newer, ...youngest];
  // A snapshot that differs in nothing is found by its family's name.
  return rows.filter((row) => {
    const family = rows.find(
      ({ id }) => id === row.id.replace(/-(latest|\d{8}|\d{4}-\d\d-\d\d)$/, "") && id !== row.id,
    );
    return !family || ["input", "output", "contextWindow"].some((name) => row[name]?.[0] !== family[name]?.[0]);
  });
}

const models = Object.fromEntries(Object.keys(PROVIDERS).map((provider) => [PROVIDERS[provider], rowsOf(provider)]));

const facts = Object.values(models).flatMap((rows) => rows.flatMap(({ id: _id, ...row }) => Object.values(row)));
const used = new Set(facts.flatMap(([, letters]) => [...letters]));

const lines = [
  "/** Written by scripts/models.mjs; do not edit. Prices in US dollars per million tokens. */",
  "",
  'import type { Row, Source } from "./row.ts";',
  "",
  "/** The sources, by the letter under which the rows name them. */",
  "// biome-ignore format: one a line",
  "export const SOURCES: Readonly<Record<string, Source>> = {",
  ...[...sources].filter(([letter]) => used.has(letter)).map(([letter, source]) => `  ${letter}: ${literal(source)},`),
  "};",
  "",
  "/** Models by provider, under the name of its client. */",
  "// biome-ignore format: one a line",
  "export const MODELS: Readonly<Record<string, readonly Row[]>> = {",
  ...Object.entries(models).flatMap(([provider, rows]) => [
    `  ${provider}: [`,
    ...rows.map((row) => `    ${literal(row)},`),
    "  ],",
  ]),
  "};",
  "",
];
writeFileSync(output, lines.join("\n"));

function literal(value) {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([name, each]) => `${name}: ${literal(each)}`)
    .join(", ")} }`;
}
