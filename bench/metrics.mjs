/** What is measured, what each number is, and what this library is held to. */

/**
 * Numbers that are compared with the loop written by hand over `fetch`; `target` is the highest ratio that passes.
 * `divisor` turns the measured unit into the one shown.
 */
export const COMPARED = [
  {
    key: "aloneUs",
    title: "CPU per chunk, 1 event per packet",
    short: "CPU/chunk, 1 per packet",
    unit: "µs",
    target: 0.75,
    explanation:
      "CPU time of the whole client process, all threads, for one text chunk that arrives alone (1 ms apart).",
  },
  {
    key: "packedUs",
    title: "CPU per chunk, 64 events per packet",
    short: "CPU/chunk, 64 per packet",
    unit: "µs",
    target: 0.5,
    explanation: "The same when 64 chunks arrive together, as they do from fast models and behind proxies.",
  },
  {
    key: "shortUs",
    title: "CPU per short request",
    short: "CPU/short request",
    unit: "µs",
    target: 0.45,
    explanation: "CPU time of the whole process for one request on a warm connection, with a reply of 20 chunks.",
  },
  {
    key: "firstTokenMs",
    title: "Time to first token",
    short: "time to first token",
    unit: "ms",
    target: 0.4,
    explanation:
      "From the call to the first text, same requests; the server answers at once, so this is what the client adds.",
  },
  {
    key: "startMs",
    title: "Process start to first token",
    short: "start to first token",
    unit: "ms",
    target: 0.8,
    explanation: "From the start of a fresh Node process, imports included, to the first text.",
  },
];

/** Numbers that stand for themselves, with the highest value that passes. */
export const ABSOLUTE = {
  importMs: { title: "Import", unit: "ms", target: 15 },
  bundleKb: { title: "Browser bundle, minified and gzipped", unit: "kB", target: 8 },
  tarballKb: { title: "Tarball, without the embedded model's weights", unit: "kB", target: 150 },
};
