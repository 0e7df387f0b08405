/**
 * The words of a screen reader. Words that arrive one by one would be read as fragments. So it says that a reply is
 * being written, and reads the reply when it is complete.
 */

import type { ChatSnapshot, ChatStatus } from "../web/index.ts";
import { markdown } from "./markdown.ts";
import { textOf } from "./vnode.ts";

/** Longer replies are announced, and read where they are, in UTF-16 units. */
const MAX_READ = 2_000;

/** Writes into the region of the page that a screen reader reads. */
export class Announcer {
  readonly #live: HTMLElement;
  #status: ChatStatus = "idle";

  constructor(live: HTMLElement) {
    this.#live = live;
  }

  /** A chat is opened: what it has is not news. */
  open({ status }: ChatSnapshot): void {
    this.#status = status;
    this.#live.textContent = "";
  }

  /** Says a sentence about something other than the reply. */
  say(sentence: string): void {
    this.#live.textContent = sentence;
  }

  /** Says what is new. */
  look({ status, messages }: ChatSnapshot): void {
    const before = this.#status;
    this.#status = status;
    if (before === status) return;
    const last = messages.at(-1);
    if (status === "sending") this.#live.textContent = "Sent. The reply is being written.";
    if (status === "failed") this.#live.textContent = ""; // the failure is an alert of its own
    if (status !== "idle" || before === "idle") return;
    if (last?.role !== "assistant") {
      this.#live.textContent = "";
      return;
    }
    const isShort = last.content.length <= 2 * MAX_READ; // markup included
    const text = isShort ? markdown(last.content).map(textOf).join("\n").trim() : "";
    const waits = last.toolCalls.find(({ state }) => state === "needsApproval");
    if (waits) this.#live.textContent = `The tool ${waits.name} waits for your answer.`;
    else if (isShort && text.length <= MAX_READ) this.#live.textContent = `Reply: ${text}`;
    else this.#live.textContent = "The reply is complete.";
  }
}
