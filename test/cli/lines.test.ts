/** Typing: what keys do at the prompt and while a reply is being written. */

import { describe, expect, test, vi } from "vitest";
import { type Line, type Lines, readLines } from "../../src/cli/lines.ts";
import { createTerminal } from "../../src/cli/terminal.ts";
import { createScreen, type Screen } from "./screen.ts";

const PASTE = ["\u001b[200~", "\u001b[201~"] as const;
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";

async function typing(act: (lines: Lines, screen: Screen) => Promise<void>): Promise<string> {
  const screen = createScreen();
  const lines = readLines(createTerminal(screen, {}, {}), ["/help", "/history"]);
  try {
    await act(lines, screen);
  } finally {
    lines.close();
  }
  return screen.written();
}

const line = (text: string): Line => ({ type: "line", text });

describe("at the prompt", () => {
  test("a line is what was typed, after the prompt", async () => {
    const written = await typing(async (lines, { stdin }) => {
      const next = lines.next("> ");
      stdin.write("Hellp\u007fo\r");
      expect(await next).toEqual(line("Hello"));
    });
    expect(written).toContain("> ");
    expect(written).toContain("Hell");
  });

  test("pasted lines wait for Enter and stay together, also what is typed after them", async () => {
    await typing(async (lines, { stdin }) => {
      const next = lines.next("> ");
      stdin.write(`${PASTE[0]}one\r\ntwo\rthree${PASTE[1]}`);
      expect(await Promise.race([next, settled()])).toBe("nothing yet");
      stdin.write(" and four\r");
      expect(await next).toEqual(line("one\ntwo\nthree and four"));
    });
  });

  test("Ctrl-C throws away what was typed or pasted; with nothing typed it is passed on", async () => {
    await typing(async (lines, { stdin }) => {
      const next = lines.next("> ");
      stdin.write(`${PASTE[0]}one\rtwo${PASTE[1]}`);
      stdin.write(`${CTRL_C}three${CTRL_C}four\r`);
      expect(await next).toEqual(line("four"));
      const again = lines.next("> ");
      stdin.write(CTRL_C);
      expect(await again).toEqual({ type: "interrupt" });
    });
  });

  test("a SIGINT from outside does the same", async () => {
    await typing(async (lines, screen) => {
      const next = lines.next("> ");
      screen.interrupt();
      expect(await next).toEqual({ type: "interrupt" });
    });
  });

  test("Ctrl-D is the end", async () => {
    await typing(async (lines, { stdin }) => {
      const next = lines.next("> ");
      stdin.write(CTRL_D);
      expect(await next).toEqual({ type: "end" });
    });
  });

  test("Tab completes commands", async () => {
    await typing(async (lines, { stdin }) => {
      const next = lines.next("> ");
      stdin.write("/hel");
      stdin.write("\t"); // alone, or it is taken for a pasted one
      stdin.write("\r");
      expect(await next).toEqual(line("/help"));
    });
  });
});

describe("while a reply is being written", () => {
  test("Ctrl-C goes to the reply, and is a line of its own once that has ended", async () => {
    await typing(async (lines, { stdin }) => {
      let stopped = 0;
      const off = lines.onInterrupt(() => {
        stopped += 1;
      });
      stdin.write(CTRL_C);
      await settled();
      expect(stopped).toBe(1);
      off();
      stdin.write(CTRL_C);
      await settled();
      expect(stopped).toBe(1);
      expect(await lines.next("> ")).toEqual({ type: "interrupt" });
    });
  });

  test("a second Ctrl-C goes before what was typed meanwhile, and throws the line away that was begun", async () => {
    await typing(async (lines, { stdin }) => {
      lines.onInterrupt(() => undefined)();
      stdin.write("next question\rand half");
      stdin.write(CTRL_C);
      stdin.write(CTRL_C);
      await settled();
      expect(await lines.next("> ")).toEqual({ type: "interrupt" });
      expect(await lines.next("> ")).toEqual(line("next question"));
      const empty = lines.next("> ");
      stdin.write("\r");
      expect(await empty).toEqual(line(""));
    });
  });

  test("typing is not shown, and not lost", async () => {
    await typing(async (lines, { stdin, written }) => {
      stdin.write("next question\rand half");
      await settled();
      expect(written()).not.toMatch(/question|half/);
      expect(await lines.next("> ")).toEqual(line("next question"));
      expect(written()).toContain("> next question\n");
      const half = lines.next("> ");
      expect(written()).toContain("and half");
      stdin.write(" a one\r");
      expect(await half).toEqual(line("and half a one"));
    });
  });
});

test.skipIf(process.platform === "win32")(
  "after Ctrl-Z and fg, keys are heard again, at the prompt and during a reply",
  async () => {
    const kill = vi.spyOn(process, "kill").mockReturnValue(true); // it would stop the tests
    try {
      const written = await typing(async (lines, { stdin }) => {
        let stopped = 0;
        const off = lines.onInterrupt(() => {
          stopped += 1;
        });
        stdin.write("\u001a");
        await settled();
        expect(kill).toHaveBeenCalledWith(process.pid, "SIGTSTP");
        process.emit("SIGCONT");
        stdin.write(CTRL_C);
        await settled();
        expect(stopped).toBe(1);
        off();
        const next = lines.next("> ");
        stdin.write("half");
        stdin.write("\u001a");
        await settled();
        process.emit("SIGCONT");
        stdin.write(" a one\r");
        expect(await next).toEqual(line("half a one"));
      });
      expect(written.split("\u001b[?2004h")).toHaveLength(4); // the shell has its own way with the terminal
    } finally {
      kill.mockRestore();
    }
  },
);

test("the terminal is left as it was found", async () => {
  const written = await typing(async () => undefined);
  expect(written).toContain("\u001b[?2004h");
  expect(written).toMatch(/\u001b\[\?2004l$/);
});

/** Keys that were written have arrived by then: they pass no timer on their way. */
async function settled(): Promise<"nothing yet"> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return "nothing yet";
}
