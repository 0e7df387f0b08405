/**
 * What reading JSON piece by piece costs: 160 kB in pieces of 20 characters, against one `JSON.parse` of the whole.
 * Run after a build: `node bench/partial-json.mjs`.
 */

import { PartialJson } from "../dist/index.js";

const SIZE = 160_000;
const PIECE = 20;
const ROUNDS = 15;

const SENTENCE = "The quick brown fox jumps over the lazy dog, and says: “so it goes”.";

const documents = {
  "one long text": JSON.stringify({ title: "Long", text: SENTENCE.repeat(SIZE / SENTENCE.length) }),
  "texts with escapes": JSON.stringify(many((index) => `${SENTENCE}\n"${index}"\t\\`)),
  records: JSON.stringify({
    records: many((index) => ({
      id: index,
      name: `Person ${index}`,
      note: SENTENCE,
      score: index / 7,
      tags: ["a", "b"],
      ok: index % 2 === 0,
      none: null,
    })),
  }),
  "records, indented": JSON.stringify(
    many((index) => ({ id: index, place: { x: index, y: -index / 2 }, name: SENTENCE })),
    null,
    2,
  ),
  numbers: JSON.stringify(many((index) => (index * 7919) % 100_003)),
};

console.log(`${SIZE / 1000} kB in pieces of ${PIECE} characters; the best of ${ROUNDS} rounds each, in milliseconds`);
const rows = {};
for (const [name, text] of Object.entries(documents)) {
  const pieces = [];
  for (let at = 0; at < text.length; at += PIECE) {
    // Laid out anew: a slice would keep pointing into the whole, which no piece from a network does.
    pieces.push(JSON.parse(JSON.stringify(text.slice(at, at + PIECE))));
  }
  const whole = best(() => JSON.parse(text));
  const pushed = best(() => {
    const json = new PartialJson();
    for (const piece of pieces) json.push(piece);
    return json.end();
  });
  const read = best(() => {
    const json = new PartialJson();
    pieces.forEach((piece, index) => {
      json.push(piece);
      if (index === 0) void json.value;
    });
    void json.value;
    return json.end();
  });
  const looked = best(() => {
    const json = new PartialJson();
    let last;
    for (const piece of pieces) {
      json.push(piece);
      last = json.value;
    }
    return [json.end(), last];
  });
  const every50 = best(() => {
    const json = new PartialJson();
    pieces.forEach((piece, index) => {
      json.push(piece);
      if (index % 50 === 0) void json.value;
    });
    return json.end();
  });
  rows[name] = {
    "JSON.parse": whole.toFixed(2),
    "piece by piece": pushed.toFixed(2),
    times: (pushed / whole).toFixed(2),
    "and 2 views": read.toFixed(2),
    "and 160 views": every50.toFixed(2),
    "and 8000 views": looked.toFixed(2),
  };
}
console.table(rows);

function many(element) {
  const elements = [];
  for (let index = 0, length = 0; length < SIZE; index++) {
    elements.push(element(index));
    length += JSON.stringify(elements.at(-1)).length + 1;
  }
  return elements;
}

function best(run) {
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    run();
    times.push(performance.now() - start);
  }
  return Math.min(...times);
}
