/** The page before the first message. */

import type { ServerInfo } from "./server-info.ts";
import { h, type VElement } from "./vnode.ts";

/** Questions that a small model answers as well. */
const FOR_ALL = [
  "Explain how a rainbow forms, in five sentences",
  "Write a regular expression for dates such as 2026-11-29",
  "Plan three quiet days in Lisbon",
];

/** Questions that the built-in model was trained on. */
const FOR_THE_TOY = ["What is streaming?", "What is a token?", "Tell me a story about a fox"];

/** Returns what the page shows before the first message: the model, and questions to begin with. */
export function welcomeView({ provider, model, models, tools, note }: ServerInfo): readonly VElement[] {
  const isToy = note !== undefined || provider === "embedded";
  const about = isToy
    ? "A toy model answers that is a part of the package: it shows streaming, and knows next to nothing. Start the server with the key of a provider, such as OPENAI_API_KEY, for a real one."
    : `${models.length > 1 ? "Choose at the top who answers." : `${model} answers.`}${tools.length > 0 ? ` It has tools: ${tools.join(", ")}.` : ""}`;
  return [
    h("p", { class: "welcome-title" }, "What would you like to know?"),
    h("p", { class: "welcome-about" }, about),
    h(
      "ul",
      { class: "suggestions" },
      (isToy ? FOR_THE_TOY : FOR_ALL).map((text) =>
        h("li", {}, h("button", { type: "button", "data-action": "suggest" }, text)),
      ),
    ),
  ];
}
