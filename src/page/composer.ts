/** The box where a message is written. Its text and attachments are kept for each conversation until it is sent. */

import { AttachmentTray } from "./attachment-tray.ts";
import { elementOf } from "./elements.ts";
import { contentOf, type MessageContent } from "./message-content.ts";
import { storedText, storeText } from "./stored.ts";

/** The use of the button now. */
export type ComposerMode = "send" | "stop";

/** Called when a person asks for it. */
export interface ComposerEvents {
  readonly onSend: (content: MessageContent) => void;
  readonly onStop: () => void;
  /** Called with a sentence for those who do not see the attachments. */
  readonly onNews: (sentence: string) => void;
}

/** Phones have a key for a new line, and a button for sending. */
const isTouch = matchMedia("(pointer: coarse)");

/** Reads the person's message from the form. */
export class Composer {
  readonly #text = elementOf("text", HTMLTextAreaElement);
  readonly #button = elementOf("send", HTMLButtonElement);
  readonly #icon = elementOf("send-icon", SVGUseElement);
  readonly #tray: AttachmentTray;
  readonly #events: ComposerEvents;
  #mode: ComposerMode = "send";
  #chat = "";
  /** Where the text that was begun is kept. */
  #draft = "";

  constructor(events: ComposerEvents) {
    this.#events = events;
    this.#tray = new AttachmentTray({ onChange: () => this.#changed(), onNews: events.onNews });
    elementOf("composer", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#mode === "stop") events.onStop();
      else this.#send();
    });
    this.#text.addEventListener("keydown", (event) => {
      const isPlain = !event.shiftKey && !event.altKey && !event.isComposing && event.keyCode !== 229;
      if (event.key !== "Enter" || !isPlain || (isTouch.matches && !event.ctrlKey && !event.metaKey)) return;
      event.preventDefault();
      if (this.#mode === "send") this.#send();
    });
    this.#text.addEventListener("input", () => this.#changed());
  }

  /**
   * Shows the text that was begun in a conversation. One that is not in the address gets another id with each load of
   * the page, so its text has a place of its own.
   */
  open(chat: string, isInAddress: boolean): void {
    const typed = this.#chat === "" ? this.#text.value : ""; // before the page began
    this.#chat = chat;
    this.#draft = draftOf(isInAddress ? chat : "");
    const begun = storedText("sessionStorage", this.#draft);
    if (typed === "" || begun !== "") this.#text.value = begun + (typed && `\n${typed}`);
    this.#tray.open(chat);
  }

  /** The conversation is in the address now. */
  begun(): void {
    storeText("sessionStorage", this.#draft, "");
    this.#draft = draftOf(this.#chat);
  }

  /** Drops the text and the attachments of a conversation that no one comes back to. */
  forget(chat: string): void {
    if (chat === this.#chat) this.#text.value = "";
    storeText("sessionStorage", chat === this.#chat ? this.#draft : draftOf(chat), "");
    this.#tray.forget(chat);
  }

  show(mode: ComposerMode): void {
    this.#mode = mode;
    this.#icon.setAttribute("href", `#icon-${mode}`);
    this.#button.setAttribute("aria-label", mode === "stop" ? "Stop the reply" : "Send");
    this.#button.classList.toggle("is-stop", mode === "stop");
    this.#changed();
  }

  /** Not on a phone, where its keyboard would cover half of the page. */
  focus(): void {
    if (!isTouch.matches) this.#text.focus();
  }

  #send(): void {
    const text = this.#text.value.trim();
    if (!this.#canSend) return;
    this.#text.value = "";
    this.#events.onSend(contentOf(text, this.#tray.take()));
  }

  get #canSend(): boolean {
    return !this.#tray.isReading && (this.#text.value.trim() !== "" || !this.#tray.isEmpty);
  }

  #changed(): void {
    const { value, style } = this.#text;
    this.#button.disabled = this.#mode === "send" && !this.#canSend;
    storeText("sessionStorage", this.#draft, value);
    if (CSS.supports("field-sizing", "content")) return;
    style.height = "auto";
    style.height = `${this.#text.scrollHeight}px`;
  }
}

function draftOf(chat: string): string {
  return `cloudllm.draft.${chat}`;
}
