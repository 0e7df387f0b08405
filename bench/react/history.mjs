/** The conversation that a page has before the measured reply, and the word that this one repeats. */

export const WORD = "word ";

export const PAIRS = Array.from({ length: 25 }, (_, index) => [
  `Question ${index}`,
  `Answer ${index}: ${"some words of an earlier reply. ".repeat(20)}`,
]);
