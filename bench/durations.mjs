/**
 * How often and how long a run measures. With `run.mjs --check`, which sets `BENCH_CHECK=1` for all its processes, everything is as
 * short as it can be: it shows that all of it runs, and its figures mean nothing.
 */
export const isCheck = process.env.BENCH_CHECK === "1" || process.argv.includes("--check");
if (isCheck) process.env.BENCH_CHECK = "1";

/** Rounds of each kind of measurement. */
export const ROUNDS = isCheck ? { flow: 1, start: 1, crowd: 1 } : { flow: 5, start: 7, crowd: 2 };
export const QUICK_ROUNDS = isCheck ? ROUNDS : { flow: 1, start: 3, crowd: 1 };

/**
 * How long the client process repeats a task, in milliseconds, and at least how often. V8 compiles hot code for the last time
 * after some hundred thousand chunks, or some thousand requests, which take longer.
 */
export const SPANS = isCheck
  ? {
      warmUpChunks: [0, 1],
      warmUpRequests: [0, 3],
      packed: [0, 1],
      alone: [0, 1],
      requests: [0, 5],
    }
  : {
      warmUpChunks: [1_500, 3],
      warmUpRequests: [3_000, 60],
      packed: [800, 3],
      alone: [0, 3],
      requests: [1_000, 200],
    };
