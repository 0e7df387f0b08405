/** The chat page of `cloudllm serve`: signs in where that is needed, and starts. */

import { App } from "./app.ts";
import { elementOf } from "./elements.ts";
import { signIn } from "./login.ts";
import { askServer } from "./server-info.ts";
import { startThemeButton } from "./theme-button.ts";

/** A server that is away is asked again after so long, in milliseconds. */
const RETRY_MS = 3_000;

/** The page is painted before this. Until the server has answered, it takes the text of a message and nothing else. */
async function start(): Promise<void> {
  const frame = elementOf("app", HTMLElement);
  const notice = elementOf("notice", HTMLElement);
  startThemeButton(elementOf("theme", HTMLButtonElement));
  for (;;) {
    const answer = await askServer();
    notice.textContent = "";
    frame.hidden = answer.type === "signIn";
    switch (answer.type) {
      case "signIn":
        await signIn();
        break;
      case "away":
        notice.textContent = "The server cannot be reached. Trying again…";
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        break;
      case "info":
        for (const part of frame.querySelectorAll<HTMLElement>("[inert]")) part.inert = false;
        frame.ariaBusy = null;
        new App(answer.info).start();
        return;
    }
  }
}

void start();
