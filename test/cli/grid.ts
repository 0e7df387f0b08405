/** A screen of so many rows, as far as the command line drives one. */

/** Returns the rows that a terminal of this size shows, without blanks at their ends. */
export function rowsOf(written: string, height: number): readonly string[] {
  const rows: string[][] = Array.from({ length: height }, () => []);
  let [row, column] = [0, 0];
  let saved: readonly [number, number] = [0, 0];
  const down = (): void => {
    if (row < height - 1) row += 1;
    else {
      rows.shift();
      rows.push([]);
    }
  };
  for (const [piece] of written.matchAll(/\x1b\[[\d;]*[A-Za-z]|\x1b.|[\s\S]/gu)) {
    if (piece === "\r") column = 0;
    else if (piece === "\n") {
      down();
      column = 0; // a terminal's driver adds the return
    } else if (piece === "\x1bD") down();
    else if (piece === "\x1b[A") row = Math.max(0, row - 1);
    else if (piece === "\x1b[B") row = Math.min(height - 1, row + 1);
    else if (piece === "\x1b7") saved = [row, column];
    else if (piece === "\x1b8") [row, column] = saved;
    else if (piece === "\x1b[K") rows[row]?.splice(column);
    else if (!piece.startsWith("\x1b")) {
      const cells = rows[row] ?? [];
      while (cells.length < column) cells.push(" ");
      cells[column] = piece;
      column += 1;
    }
  }
  return rows.map((cells) => cells.join("").trimEnd());
}
