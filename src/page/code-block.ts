/** A block of code: its language, a button that copies it, and colours. */

import { highlighted } from "./highlight.ts";
import { h, icon, type VElement } from "./vnode.ts";

/** @param info the words behind the fence; the first is the language */
export function codeBlock(text: string, info: string | undefined): VElement {
  const [language = ""] = (info ?? "").trim().split(/[\s{,]/);
  const name = language.slice(0, 24);
  return h(
    "figure",
    { class: "code" },
    h(
      "figcaption",
      {},
      h("span", {}, name || "text"),
      h("button", { type: "button", class: "quiet", "data-action": "copy-code" }, icon("copy"), h("span", {}, "Copy")),
    ),
    h(
      "pre",
      { tabindex: "0", role: "group", "aria-label": name ? `Code, ${name}` : "Code" },
      h("code", {}, highlighted(text, name.toLowerCase())),
    ),
  );
}
