/** Neighbours that may become one piece, the best first. */

/** Two symbols by their places, and the piece they would be. */
export interface Pair {
  readonly left: number;
  readonly right: number;
  readonly score: number;
  readonly joined: string;
}

/** A binary heap: the highest score first, the leftmost of equals. */
export class PairQueue {
  readonly #heap: Pair[] = [];

  push(pair: Pair): void {
    const heap = this.#heap;
    let at = heap.push(pair) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (!above || !isBefore(pair, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = pair;
  }

  pop(): Pair | undefined {
    const heap = this.#heap;
    const best = heap[0];
    const last = heap.pop();
    if (!last || last === best) return best;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let below = heap[child];
      if (!below) break;
      const other = heap[child + 1];
      if (other && isBefore(other, below)) {
        child += 1;
        below = other;
      }
      if (!isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return best;
  }
}

function isBefore(a: Pair, b: Pair): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}
