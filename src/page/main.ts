/** The chat page of `cloudllm serve`: signs in where that is needed, and starts. */

import { App } from "./app.ts";
import { elementOf } from "./elements.ts";
import { signIn } from "./login.ts";
import { askServer } from "./server-info.ts";
import { startThemeButton } from "./theme-button.ts";

/** A server that is away is asked again after so long, in milliseconds. */
const RETRY_MS = 3_000;

async function start(): Promise<void> {
  startThemeButton(elementOf("theme", HTMLButtonElement));
  for (;;) {
    const answer = await askServer();
    if (answer.type === "signIn") await signIn();
    else if (answer.type === "away") await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    else {
      elementOf("app", HTMLElement).hidden = false;
      new App(answer.info).start();
      return;
    }
  }
}

void start();
