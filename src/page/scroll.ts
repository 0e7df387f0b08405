/** Keeps the end of a conversation in view while it grows, unless the reader has gone elsewhere. */

/** So far from the end still counts as the end, in pixels. */
const NEAR = 12;

/** Follows the end of a box whose content grows. */
export class Follower {
  readonly #box: HTMLElement;
  readonly #onAway: (isAway: boolean) => void;
  #follows = true;
  #top = 0;

  /** @param onAway called with whether the end is out of view */
  constructor(box: HTMLElement, onAway: (isAway: boolean) => void) {
    this.#box = box;
    this.#onAway = onAway;
    box.addEventListener("scroll", () => this.#look(), { passive: true });
    new ResizeObserver(() => this.grown()).observe(box);
  }

  /** Goes to the end, and stays there. */
  follow(): void {
    this.#follows = true;
    this.grown();
  }

  /** The content or the box has another size. */
  grown(): void {
    if (this.#follows) this.#box.scrollTop = this.#box.scrollHeight;
    this.#top = this.#box.scrollTop;
    this.#onAway(!this.#isNear);
  }

  #look(): void {
    const { scrollTop } = this.#box;
    if (this.#isNear) this.#follows = true;
    else if (scrollTop < this.#top) this.#follows = false; // only a reader goes up
    this.#top = scrollTop;
    this.#onAway(!this.#isNear);
  }

  get #isNear(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    return scrollHeight - clientHeight - scrollTop <= NEAR;
  }
}
