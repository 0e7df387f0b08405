/** What a person sees of a reply. Processes, pipes and signals are in `command.test.ts`. */

import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { showReply } from "../../src/cli/reply.ts";
import { createTerminal, wantsColor } from "../../src/cli/terminal.ts";
import { rowsOf } from "./grid.ts";
import { createScreen, type Screen } from "./screen.ts";

const ASK = [{ role: "user", content: "?" }] as const;
const DIM = "\u001b[2m";
const UNDIM = "\u001b[22m";
const ERASED = "\r\u001b[K";

async function seen(script: ReplyScript, screen: Screen = createScreen(), env: NodeJS.ProcessEnv = {}) {
  const client = scriptedClient([script]);
  const terminal = createTerminal(screen, env, {});
  const { onInterrupt } = terminal;
  const outcome = await showReply((signal) => client.sendMessageStream(ASK, { signal }), client, terminal, {
    onInterrupt,
  });
  return { written: screen.written(), status: outcome.status };
}

describe("on a screen", () => {
  test("thinking is dimmed and comes before the answer, which is rendered", async () => {
    const { written } = await seen({ steps: [{ reasoning: ["Let me ", "see."] }, { text: "It is **so**." }] });
    expect(written).toBe(`${DIM}Let me ${UNDIM}${DIM}see.${UNDIM}\n\nIt is \u001b[1mso\u001b[0m.\n`);
  });

  test("thinking after the answer has begun gets lines of its own", async () => {
    const { written } = await seen({ steps: [{ text: "So" }, { reasoning: "Hm." }, { text: "No" }] });
    expect(written).toBe(`So\n${DIM}Hm.${UNDIM}\n\nNo\n`);
  });

  test("sources are listed at the end, each once", async () => {
    const source = { url: "https://e.org/", title: "E" };
    const { written } = await seen({
      steps: [{ text: "So." }, { citation: source }, { citation: source }, { citation: { url: "https://f.org/" } }],
    });
    expect(written).toBe(`So.\n${DIM}[1] E: https://e.org/${UNDIM}\n${DIM}[2] https://f.org/${UNDIM}\n`);
  });

  test("nothing from elsewhere drives the terminal", async () => {
    const evil = "\u001b]0;owned\u0007\u001b[2J\u009b1m\u202e";
    const { written } = await seen(
      { steps: [{ reasoning: evil }, { text: evil }, { citation: { url: "https://e.org/", title: evil } }] },
      createScreen(),
      { NO_COLOR: "1" },
    );
    expect(written).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(written).toContain("␛]0;owned");
  });

  describe("a sign of waiting", () => {
    beforeEach(() => vi.useFakeTimers());
    afterEach(() => vi.useRealTimers());

    test("shows the seconds, says what is going on, and is gone before the first word", async () => {
      const opening = new Gate();
      const thinking = new Gate();
      const screen = createScreen({ stdout: false });
      const script = { steps: [{ reasoning: "Hm." }, { pause: thinking }, { text: "So." }], opensAfter: opening };
      const shown = seen(script, screen);
      await vi.advanceTimersByTimeAsync(150);
      expect(screen.written(), "too early for a sign").toBe("");
      await vi.advanceTimersByTimeAsync(2_300);
      expect(screen.written()).toMatch(/waiting for script · 2 s[^\n]*$/);
      opening.open();
      await thinking.reached;
      await vi.advanceTimersByTimeAsync(1_000);
      expect(screen.written()).toMatch(/thinking · 3 s[^\n]*$/);
      thinking.open();
      await shown;
      expect(screen.written().endsWith(`${ERASED}So.\n`)).toBe(true);
      expect(screen.written()).not.toContain("Hm.");
      const { length } = screen.written();
      await vi.advanceTimersByTimeAsync(1_000);
      expect(screen.written()).toHaveLength(length);
    });

    test("is taken back before an error as well", async () => {
      const opening = new Gate();
      const screen = createScreen();
      const shown = seen({ opensAfter: opening, refusal: { status: 400 } }, screen);
      await vi.advanceTimersByTimeAsync(1_000);
      opening.open();
      expect((await shown).status).toBe("failed");
      expect(screen.written().endsWith(ERASED)).toBe(true);
    });
  });
});

describe("a reply that falls silent", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  const EARLIER = "one\ntwo\n";

  test.each([
    ["in the middle of a screen", 6],
    ["at its last row", 3],
  ])("says so under its words after 10 s, which stay as they are: %s", async (_where, height) => {
    const silent = new Gate();
    const screen = createScreen();
    screen.stdout.write(EARLIER);
    const shown = seen({ steps: [{ text: "Half" }, { pause: silent }, { text: " and half." }] }, screen);
    const seenRows = () => rowsOf(screen.written(), height).filter((row) => row !== "");
    await silent.reached;
    await vi.advanceTimersByTimeAsync(9_900);
    expect(seenRows().at(-1)).toBe("Half");
    await vi.advanceTimersByTimeAsync(200);
    expect(seenRows().slice(-2)).toEqual(["Half", "nothing has come for 10 s"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(seenRows().slice(-2)).toEqual(["Half", "nothing has come for 20 s"]);
    silent.open();
    await shown;
    expect(seenRows().at(-1)).toBe("Half and half.");
    expect(seenRows().join()).not.toContain("nothing has come");
  });

  test("says nothing where its last line fills the screen exactly, since a terminal would lose its place", async () => {
    const silent = new Gate();
    const screen = createScreen();
    const shown = seen({ steps: [{ text: "x".repeat(160) }, { pause: silent }, { text: "y" }] }, screen);
    await silent.reached;
    await vi.advanceTimersByTimeAsync(10_100);
    expect(screen.written()).toBe("x".repeat(160));
    silent.open();
    await shown;
    expect(screen.written()).toBe(`${"x".repeat(160)}y\n`);
  });

  test("says so on a line of its own where the words go elsewhere, and nowhere without a terminal", async () => {
    for (const [stderr, said] of [
      [true, true],
      [false, false],
    ] as const) {
      const silent = new Gate();
      const screen = createScreen({ stdout: false, stderr });
      const shown = seen({ steps: [{ text: "Half" }, { pause: silent }, { text: "." }] }, screen);
      await silent.reached;
      await vi.advanceTimersByTimeAsync(10_100);
      expect(screen.written().includes("nothing has come for 10 s")).toBe(said);
      silent.open();
      await shown;
      expect(screen.written().endsWith(said ? `${ERASED}.\n` : "Half.\n")).toBe(true);
    }
  });
});

describe("into a pipe", () => {
  test("goes the text alone, as it is", async () => {
    const script: ReplyScript = { steps: [{ reasoning: "Hm." }, { text: "It is **so**.\u001b[2J" }] };
    expect((await seen(script, createScreen({ stdout: false }))).written).toBe("It is **so**.\u001b[2J\n");
  });

  test("no sign of waiting is written outside of a terminal", async () => {
    const screen = createScreen({ stdout: false, stderr: false });
    expect((await seen({ text: "So.", opensAfter: 350 }, screen)).written).toBe("So.\n");
  });
});

test("a slow reader holds the reply up, and one that left ends it", async () => {
  let pulled = 0;
  const endless = (function* () {
    for (;;) {
      pulled += 1;
      yield "x".repeat(1_000);
    }
  })();
  const screen = createScreen({ stdout: false });
  const stuck = Object.assign(screen.stdout, { write: () => false });
  const shown = seen({ text: endless }, screen);
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(pulled).toBeGreaterThan(0);
  expect(pulled).toBeLessThan(10);
  stuck.emit("error", Object.assign(new Error("broken pipe"), { code: "EPIPE" }));
  expect((await shown).status).toBe("unread");
});

describe("colours", () => {
  test.each<[boolean, NodeJS.ProcessEnv, boolean]>([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [true, { TERM: "dumb" }, false],
    [false, { FORCE_COLOR: "1" }, true],
    [false, { FORCE_COLOR: "" }, true],
    [true, { FORCE_COLOR: "0" }, false],
    [true, { FORCE_COLOR: "1", NO_COLOR: "1" }, true],
  ])("terminal: %s, %j: %s", (isTerminal, env, wanted) => expect(wantsColor(isTerminal, env)).toBe(wanted));
});
