/**
 * Compares the list of models with the providers' own packages on npm: `npm run models:compare`. Needs the network.
 *
 * It prints ids that a package names and the list lacks, days on which a model ends that the list lacks or has otherwise, and
 * prices that differ. It changes nothing: each difference is for a person to decide, with the source beside it.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./setup.mjs";

await build();
const { modelInfoOf } = await import("cloudllm/models");

/** Ids that a package names and the list leaves out: no chat models, models for few, and names that move. */
const LEFT_OUT =
  /(^gpt-5\.1-mini$|audio|realtime|search|transcribe|tts|image|embedding|computer-use|deep-research|codex|cyber|rosalind|daybreak|-law|mythos|-latest$|gpt-3\.5|gpt-4-|gpt-4$|^o1|claude-3)/;

const folder = mkdtempSync(join(tmpdir(), "cloudllm-models-"));
const differences = [];
let compared = 0;
try {
  await openai();
  await anthropic();
  await priceLists();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const line of differences) console.log(line);
console.log(`${compared} facts compared, ${differences.length} differences`);

/** Returns a reader of the files of a package's newest version. */
function packageOf(name) {
  const pack = ["pack", "--silent", "--pack-destination", folder, `${name}@latest`];
  const archive = execFileSync("npm", pack, { encoding: "utf8" }).trim();
  const at = mkdtempSync(join(folder, "package-"));
  execFileSync("tar", ["xzf", join(folder, archive), "-C", at]);
  const read = (file) => readFileSync(join(at, "package", file), "utf8");
  const { version } = JSON.parse(read("package.json"));
  return { read, source: `${name} ${version}` };
}

function compareId(provider, id, source) {
  compared += 1;
  if (LEFT_OUT.test(id) || modelInfoOf({ provider, model: id })) return;
  differences.push(`${provider} ${id}: named by ${source}, not in the list`);
}

function compareEnd(provider, id, day, source) {
  const known = modelInfoOf({ provider, model: id });
  compared += 1;
  if (!known || LEFT_OUT.test(id) || known.retired === day) return;
  differences.push(`${provider} ${id}: ends on ${day} says ${source}; the list says ${known.retired ?? "nothing"}`);
}

function dayOf(text) {
  const day = new Date(`${text.replace(/(\d)(st|nd|rd|th)/, "$1")} UTC`);
  return day.toISOString().slice(0, 10);
}

/** Ids, and the days of the sentence about each in the docstring of `ChatModel`. */
async function openai() {
  const { read, source } = packageOf("openai");
  const text = read("src/resources/shared.ts");
  const [, doc = "", ids = ""] = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export type ChatModel =([^;]*);/.exec(text) ?? [];
  for (const [, id] of ids.matchAll(/'([^']+)'/g)) compareId("openai", id, source);
  const sentences = doc.replace(/\n \* {0,3}/g, " ").split(" - ");
  for (const sentence of sentences) {
    const [, date] = /shutdown date: (\d{4}-\d\d-\d\d)/.exec(sentence) ?? [];
    if (date) for (const [, id] of sentence.matchAll(/"([^"]+)"/g)) compareEnd("openai", id, date, source);
  }
}

async function anthropic() {
  const { read, source } = packageOf("@anthropic-ai/sdk");
  const [, ids = ""] = /export type Model =([^;]*);/.exec(read("src/resources/messages/messages.ts")) ?? [];
  for (const [, id] of ids.matchAll(/'([^']+)'/g)) compareId("anthropic", id, source);
  const ends = read("src/internal/data/deprecated-models.ts");
  for (const [, id, date] of ends.matchAll(/'([^']+)': '([^']+)'/g)) compareEnd("anthropic", id, dayOf(date), source);
}

/** Vendors' prices, as a client of all of them ships them. */
async function priceLists() {
  const { read, source } = packageOf("@earendil-works/pi-ai");
  const files = { openai: "openai", anthropic: "anthropic", google: "gemini", xai: "xai", deepseek: "deepseek" };
  for (const [file, provider] of Object.entries({ ...files, mistral: "mistral", groq: "groq" })) {
    const apis = JSON.parse(read(`dist/providers/data/${file}.json`));
    for (const model of Object.values(apis).flatMap((models) => Object.values(models))) {
      if (typeof model?.id !== "string" || !model.cost) continue;
      const { prices } = modelInfoOf({ provider, model: model.id }) ?? {};
      if (!prices) continue;
      for (const [name, theirs] of [
        ["input", model.cost.input],
        ["output", model.cost.output],
        ["cachedInput", model.cost.cacheRead],
      ]) {
        const ours = prices[name];
        compared += 1;
        if (ours === undefined || !theirs || ours === theirs) continue;
        differences.push(`${provider} ${model.id}: ${name} ${theirs} says ${source}; the list says ${ours}`);
      }
    }
  }
}
