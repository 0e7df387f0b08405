/** The model that answers: its name, or a choice where the server offers several. The choice is remembered. */

import { elementOf } from "./elements.ts";
import type { ServerInfo } from "./server-info.ts";
import { storedText, storeText } from "./stored.ts";

const CHOSEN = "cloudllm.model";

/** Shows the model, and reads the choice. */
export class ModelChoice {
  readonly #list = elementOf("models", HTMLSelectElement);

  constructor({ model, models }: ServerInfo) {
    const name = elementOf("model", HTMLElement);
    const isChoice = models.length > 1;
    name.textContent = model;
    name.hidden = isChoice;
    this.#list.hidden = !isChoice;
    if (!isChoice) return;
    this.#list.replaceChildren(...models.map((each) => new Option(each, each)));
    const chosen = storedText("localStorage", CHOSEN);
    if (models.includes(chosen)) this.#list.value = chosen;
    this.#list.addEventListener("change", () => storeText("localStorage", CHOSEN, this.#list.value));
  }

  /** Returns the name of the chosen model; `undefined` where the server offers one model only. */
  get chosen(): string | undefined {
    return this.#list.hidden ? undefined : this.#list.value;
  }
}
