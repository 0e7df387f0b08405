/**
 * Scores a model on conversations it has never seen: other ways to ask, other subjects. `node evaluate.mjs [MODEL.gguf] [--show]
 * [--samples=1000]` with the package built. Each turn is scored on three points: answered in kind, ended by itself, no broken
 * words. Once always with the likeliest token, once as a user has it.
 *
 * Then it asks for stories about nothing in particular, where the model has to choose everything by itself, many times with
 * other seeds: how many end by themselves, and how many say a word three times in a row.
 */
import { readFileSync } from "node:fs";
import { EmbeddedClient } from "cloudllm/embedded";

const [file] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const show = process.argv.includes("--show");
const client = new EmbeddedClient(file === undefined ? {} : { weights: readFileSync(file) });
const samples = Number(process.argv.find((word) => word.startsWith("--samples="))?.slice(10) ?? 1000);
const { words, conversations, plain } = JSON.parse(readFileSync(new URL("held-out.json", import.meta.url), "utf8"));
const lexicon = new Set(words);

for (const [name, optionsOf] of [
  ["likeliest token", () => ({ temperature: 0 })],
  ["default temperature", (seed) => ({ seed })],
]) {
  const scores = [];
  for (const [index, conversation] of conversations.entries())
    scores.push(...(await hold(conversation, optionsOf(index))));
  print(name, scores);
}

console.log(`\nnothing in particular    turns    ended  no word thrice  no broken words`);
await tell("likeliest token", plain.length, () => ({ temperature: 0 }));
await tell("default temperature", samples, (seed) => ({ seed }));

/** Asks for `count` plain stories, each way to ask as often as the others. */
async function tell(name, count, optionsOf) {
  const points = { ended: 0, free: 0, whole: 0 };
  for (let index = 0; index < count; index++) {
    const content = plain[index % plain.length];
    const answer = await answered([{ role: "user", content }], optionsOf(index));
    const said = wordsOf(answer.content);
    const score = {
      ended: answer.finishReason === "stop",
      free: said.every((word, at) => at < 2 || word !== said[at - 1] || word !== said[at - 2]),
      whole: said.every((word) => lexicon.has(word)),
    };
    if (show && !(score.ended && score.free && score.whole))
      console.log(JSON.stringify({ ...score, ask: content, seed: index, content: answer.content }));
    for (const point of Object.keys(points)) points[point] += score[point];
  }
  const share = (point) => `${((100 * points[point]) / count).toFixed(1)} %`;
  console.log(
    `${name.padEnd(23)} ${String(count).padStart(6)} ${share("ended").padStart(8)} ${share("free").padStart(15)} ${share("whole").padStart(16)}`,
  );
}

/** Holds a conversation, the model's own answers included, and scores each of them. */
async function hold(conversation, options) {
  const messages = [];
  const scores = [];
  for (const turn of conversation) {
    messages.push({ role: "user", content: turn.ask });
    const { content, finishReason } = await answered(messages, options);
    const score = { kind: turn.kind, ...scoreOf(turn, content, finishReason, messages) };
    if (show && !(score.inKind && score.ended && score.whole))
      console.log(JSON.stringify({ ...score, ask: turn.ask, content }));
    scores.push(score);
    messages.push({ role: "assistant", content });
  }
  return scores;
}

/** The longest answer that was taught has some 130 tokens. What does not fit into the context is no answer, and scores nothing. */
async function answered(messages, options) {
  try {
    return await client.sendMessage(messages, { ...options, maxOutputTokens: 250 });
  } catch (error) {
    if (error.kind !== "contextLength") throw error;
    return { content: "(none)", finishReason: "length" };
  }
}

function scoreOf(turn, content, finishReason, messages) {
  const said = wordsOf(content);
  const known = new Set(messages.flatMap((message) => (message.role === "user" ? wordsOf(message.content) : [])));
  const before = messages.findLast(({ role }) => role === "assistant")?.content;
  const inKind =
    (turn.any?.some((key) => content.toLowerCase().includes(key)) ?? true) &&
    (turn.about?.every((word) => said.includes(word.toLowerCase())) ?? true) &&
    (content.match(/[.!?]/g)?.length ?? 0) >= (turn.sentences ?? 0) &&
    content.split("\n").length >= (turn.lines ?? 0) &&
    (!turn.shorter || said.length < wordsOf(before).length);
  return { inKind, ended: finishReason === "stop", whole: said.every((word) => lexicon.has(word) || known.has(word)) };
}

function wordsOf(text) {
  return text.toLowerCase().match(/[\p{L}'_]+/gu) ?? [];
}

function print(name, scores) {
  const share = (list, point) =>
    `${((100 * list.filter((score) => score[point]).length) / list.length).toFixed(1)} %`.padStart(8);
  const row = (label, list) =>
    `${label.padEnd(20)} ${String(list.length).padStart(5)} ${share(list, "inKind")} ${share(list, "ended")} ${share(list, "whole")}`;
  console.log(`\n${name}\n${"kind".padEnd(20)} turns  in kind    ended  no broken words`);
  for (const kind of [...new Set(scores.map((score) => score.kind))].sort())
    console.log(
      row(
        kind,
        scores.filter((score) => score.kind === kind),
      ),
    );
  console.log(row("all", scores));
}
