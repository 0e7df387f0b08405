/** Small texts that the browser keeps for the page. Where it keeps none (blocked, full), the page works without. */

type Place = "localStorage" | "sessionStorage";

/** Returns a text that was kept; empty when there is none. */
export function storedText(place: Place, key: string): string {
  try {
    return window[place].getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** Keeps a text. An empty one is dropped. */
export function storeText(place: Place, key: string, text: string): void {
  try {
    if (text === "") window[place].removeItem(key);
    else window[place].setItem(key, text);
  } catch {
    // The page has the text until it is left.
  }
}
