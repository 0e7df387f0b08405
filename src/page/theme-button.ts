/** The button that chooses light, dark, or what the system says. */

import { patchChildren } from "./patch.ts";
import { storeText } from "./stored.ts";
import { icon } from "./vnode.ts";

const KEY = "cloudllm.theme";

const THEMES = ["auto", "light", "dark"] as const;

type Theme = (typeof THEMES)[number];

const LABELS: Readonly<Record<Theme, string>> = { auto: "as the system", light: "light", dark: "dark" };

/** Joins the button to the document's theme. */
export function startThemeButton(button: HTMLElement): void {
  const { dataset } = document.documentElement;
  const show = () => {
    const theme = themeOf(dataset.theme);
    patchChildren(button, [icon(theme), `Colours: ${LABELS[theme]}`]);
  };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(themeOf(dataset.theme)) + 1) % THEMES.length] ?? "auto";
    if (next === "auto") delete dataset.theme;
    else dataset.theme = next;
    storeText("localStorage", KEY, next === "auto" ? "" : next);
    show();
  });
  show();
}

function themeOf(text: string | undefined): Theme {
  return THEMES.find((theme) => theme === text) ?? "auto";
}
