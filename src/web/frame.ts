/** Changes of a page, at most one a frame. */

/** A page changes in the first frame after so many milliseconds, a little less than a frame of 60 a second. */
const MIN_FRAME_MS = 14;
/** Without a visible page, a timer makes the frames, in milliseconds. */
const TIMER_MS = 16;
/** A visible page may draw no frames, such as behind another window. Then a timer makes them, in milliseconds. */
const NO_FRAME_MS = 100;

/** Calls back in the next frame of a visible page that is not too near, or after a timer. */
export function afterFrame(done: () => void): void {
  let isOver = false;
  const over = (): void => {
    if (isOver) return;
    isOver = true;
    done();
  };
  const draws = typeof requestAnimationFrame === "function" && document.visibilityState === "visible";
  setTimeout(over, draws ? NO_FRAME_MS : TIMER_MS);
  if (draws) setTimeout(requestAnimationFrame, MIN_FRAME_MS, over);
}

/** Returns a function that publishes a change: the first one at once, and those that follow in the next frames. */
export function perFrame(publish: () => void): () => void {
  let isWaiting = false;
  let isChanged = false;
  const wait = (): void => {
    isWaiting = true;
    isChanged = false;
    publish();
    afterFrame(() => {
      if (isChanged) wait();
      else isWaiting = false;
    });
  };
  return () => {
    if (isWaiting) isChanged = true;
    else wait();
  };
}
