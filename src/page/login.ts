/** Asks for the server's token. The server keeps it in a cookie that no script can read. */

import { elementOf } from "./elements.ts";

/** Shows the form. Resolves when the token was right. */
export function signIn(): Promise<void> {
  const form = elementOf("login", HTMLFormElement);
  const field = elementOf("token", HTMLInputElement);
  const fault = elementOf("login-fault", HTMLElement);
  form.hidden = false;
  field.focus();
  return new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void send(field.value).then((refusal) => {
        fault.textContent = refusal ?? "";
        if (refusal === undefined) {
          form.hidden = true;
          field.value = "";
          resolve();
        } else field.select();
      });
    });
  });
}

/** Resolves with the reason of a refusal. */
async function send(token: string): Promise<string | undefined> {
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch("/login", { method: "POST", headers, body: JSON.stringify({ token: token.trim() }) });
    if (response.ok) return undefined;
    return response.status === 401 ? "That is not the token of this server." : "The server refused it. Try again.";
  } catch {
    return "The server cannot be reached.";
  }
}
