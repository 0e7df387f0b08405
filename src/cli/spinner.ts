/** The spinner: the sign that a request is running, until the first word. Screens only. */

import { columnsOf } from "./markdown/table.ts";
import { oneLine } from "./one-line.ts";
import type { Output, Terminal } from "./terminal.ts";

const FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const FRAME_MS = 100;
/** Delay of the sign, so that a quick reply shows none. */
const PATIENCE_MS = 200;

export interface Spinner {
  /** False after the end. */
  readonly isShown: boolean;
  /** Changes the label. */
  now(label: string): void;
  /** Removes the sign from the screen; further calls do nothing. */
  end(): void;
}

/** Shows a label and the seconds since the call on the last line of a screen; does nothing elsewhere. */
export function startSpinner(stderr: Output, label: string): Spinner {
  if (!stderr.canErase) return { isShown: false, now: () => undefined, end: () => undefined };
  const startedAt = performance.now();
  let text = oneLine(label);
  let shown = false;
  let ended = false;
  const timer = setInterval(() => {
    const passedMs = performance.now() - startedAt;
    if (passedMs < PATIENCE_MS) return;
    shown = true;
    void stderr.write(`\r${stderr.dim(signOf(text, passedMs, stderr.columns))}\x1b[K`);
  }, FRAME_MS);
  timer.unref();
  return {
    get isShown() {
      return !ended;
    },
    now(label) {
      text = oneLine(label);
    },
    end() {
      ended = true;
      clearInterval(timer);
      if (shown) void stderr.write("\r\x1b[K");
      shown = false;
    },
  };
}

/** One line that fits: a wrapped one could not be erased. */
function signOf(label: string, passedMs: number, columns: number): string {
  const frame = FRAMES[Math.floor(passedMs / FRAME_MS) % FRAMES.length] ?? "";
  const seconds = ` · ${Math.floor(passedMs / 1_000)} s`;
  const room = Math.max(0, columns - seconds.length - 3);
  return `${frame} ${cut(label, room)}${seconds}`;
}

/** Returns the beginning of the text that fits into so many columns. */
function cut(text: string, room: number): string {
  if (columnsOf(text) <= room) return text;
  let left = room - 1;
  let kept = "";
  for (const char of text) {
    left -= columnsOf(char);
    if (left < 0) break;
    kept += char;
  }
  return `${kept}…`;
}

/** A sign under the words of a reply that has fallen silent. */
export interface Silence {
  /** @param waitedMs the time since the last piece */
  show(waitedMs: number): void;
  /** Removes the sign; it may be shown again. */
  end(): void;
}

/** Makes room for a line below without moving to another column: `ESC D` scrolls where a line feed would return. */
const ROOM_BELOW = "\x1bD\x1b[A";
/** Saves the place, goes to the line below, and comes back. */
const [BELOW, BACK] = ["\x1b7\x1b[B\r", "\x1b8"];

/** Returns the sign, which does nothing outside of a terminal. The line of the text is not touched. */
export function createSilence({ stdout, stderr }: Terminal): Silence {
  const isBelow = stdout.isTerminal; // else stderr has a line of its own
  let shown = false;
  return {
    show(waitedMs) {
      if (!stderr.canErase) return;
      const seconds = `${Math.round(waitedMs / 1_000)} s`;
      const sign = stderr.dim(cut(`nothing has come for ${seconds}`, stderr.columns - 1));
      void stderr.write(isBelow ? `${shown ? "" : ROOM_BELOW}${BELOW}${sign}\x1b[K${BACK}` : `\r${sign}\x1b[K`);
      shown = true;
    },
    end() {
      if (shown) void stderr.write(isBelow ? `${BELOW}\x1b[K${BACK}` : "\r\x1b[K");
      shown = false;
    },
  };
}
