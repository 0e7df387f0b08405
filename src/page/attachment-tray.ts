/**
 * The attachments of the message that is being written: chosen with the button, pasted, or dropped anywhere on the
 * page. Each conversation has its own, for as long as the page is open.
 */

import { type AttachedPart, MAX_BYTES, MAX_FILES, partOf, sizeOf, sizeText } from "./attached-file.ts";
import { nameIn, type PendingAttachment, pendingView } from "./attachment-view.ts";
import { elementOf } from "./elements.ts";
import { patchChildren } from "./patch.ts";

/** The listener of a tray. */
export interface TrayEvents {
  /** Called when there are more or fewer, or all are read. */
  readonly onChange: () => void;
  /** Called with a sentence for those who do not see the tray. */
  readonly onNews: (sentence: string) => void;
}

/** Files of a conversation that are being read. */
interface Reading {
  readonly chat: string;
}

/** Keeps the attachments of messages that are not sent yet, and shows those of the open conversation. */
export class AttachmentTray {
  readonly #list = elementOf("tray", HTMLUListElement);
  readonly #fault = elementOf("tray-fault", HTMLElement);
  readonly #events: TrayEvents;
  readonly #byChat = new Map<string, readonly PendingAttachment[]>();
  #chat = "";
  readonly #readings = new Set<Reading>();
  #count = 0;

  constructor(events: TrayEvents) {
    this.#events = events;
    const picker = elementOf("picker", HTMLInputElement);
    elementOf("attach", HTMLButtonElement).addEventListener("click", () => picker.click());
    picker.addEventListener("change", () => {
      void this.#add([...(picker.files ?? [])]);
      picker.value = ""; // the same file may be chosen again
    });
    this.#list.addEventListener("click", ({ target }) => {
      const button = target instanceof Element ? target.closest<HTMLElement>("[data-action=detach]") : null;
      if (button) this.#remove(Number(button.dataset.place));
    });
    this.#listenForPaste();
    this.#listenForDrops();
  }

  /** Whether files of the open conversation are still being read. */
  get isReading(): boolean {
    return [...this.#readings].some(({ chat }) => chat === this.#chat);
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0;
  }

  /** Shows those of a conversation. */
  open(chat: string): void {
    this.#chat = chat;
    this.#say("");
    this.#render();
  }

  /** Returns the parts, which are the message's from now on. */
  take(): readonly AttachedPart[] {
    const taken = this.#pending;
    this.#drop(this.#chat);
    this.#say("");
    this.#render();
    return taken.map(({ part }) => part);
  }

  /** Drops those of a conversation, also the files that are still being read. */
  forget(chat: string): void {
    for (const reading of this.#readings) if (reading.chat === chat) this.#readings.delete(reading);
    this.#drop(chat);
    this.#render();
  }

  #drop(chat: string): void {
    for (const { preview } of this.#byChat.get(chat) ?? []) if (preview !== undefined) URL.revokeObjectURL(preview);
    this.#byChat.delete(chat);
  }

  get #pending(): readonly PendingAttachment[] {
    return this.#byChat.get(this.#chat) ?? [];
  }

  async #add(files: readonly File[]): Promise<void> {
    const chat = this.#chat;
    const reading: Reading = { chat };
    const faults: string[] = [];
    let added = 0;
    this.#readings.add(reading);
    this.#say("");
    this.#events.onNews("Reading files…");
    this.#render();
    for (const file of files) {
      try {
        const part = await partOf(file);
        if (!this.#readings.has(reading)) return; // its conversation is forgotten
        const before = this.#byChat.get(chat) ?? [];
        checkRoom(before, part);
        const key = `attachment-${this.#count++}`;
        const preview = part.type === "image" ? URL.createObjectURL(file) : undefined;
        this.#byChat.set(chat, [...before, { key, part, ...(preview !== undefined && { preview }) }]);
        added += 1;
      } catch (error) {
        faults.push((error as Error).message);
      }
    }
    if (!this.#readings.delete(reading)) return;
    if (chat === this.#chat) {
      this.#say([...new Set(faults)].join(" "));
      this.#events.onNews(added === 0 ? "" : `${added} ${added === 1 ? "file" : "files"} attached`);
    }
    this.#render();
  }

  #remove(place: number): void {
    const removed = this.#pending[place];
    if (!removed) return;
    if (removed.preview !== undefined) URL.revokeObjectURL(removed.preview);
    this.#byChat.set(
      this.#chat,
      this.#pending.filter((_attachment, at) => at !== place),
    );
    this.#say("");
    this.#events.onNews(`Removed ${nameIn(removed.part, place)}`);
    this.#render();
    const next = this.#list.querySelectorAll("button")[Math.min(place, this.#pending.length - 1)];
    (next ?? elementOf("attach", HTMLButtonElement)).focus();
  }

  /** A text that was copied with its picture, as from a table, is pasted as text. */
  #listenForPaste(): void {
    document.addEventListener("paste", (event) => {
      const { files, types } = event.clipboardData ?? {};
      const isElsewhere = event.target instanceof Element && event.target.closest(".editor, .login, dialog");
      if (isElsewhere || !files?.length || types?.includes("text/plain")) return;
      event.preventDefault();
      void this.#add([...files]);
    });
  }

  /** A file that is dropped outside of the message box would take the place of the page. */
  #listenForDrops(): void {
    const show = (isOver: boolean): void => {
      document.body.classList.toggle("is-dropping", isOver);
    };
    const hasFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes("Files") ?? false;
    document.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      show(true);
    });
    document.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) show(false);
    });
    document.addEventListener("drop", (event) => {
      show(false);
      if (!hasFiles(event)) return;
      event.preventDefault();
      void this.#add([...(event.dataTransfer?.files ?? [])]);
    });
  }

  #say(fault: string): void {
    if (this.#fault.textContent !== fault) this.#fault.textContent = fault;
  }

  #render(): void {
    this.#list.hidden = this.isEmpty;
    this.#list.ariaBusy = String(this.isReading);
    patchChildren(this.#list, pendingView(this.#pending));
    this.#events.onChange();
  }
}

/** @throws {Error} with a sentence, when a message cannot take one more */
function checkRoom(others: readonly PendingAttachment[], part: AttachedPart): void {
  if (others.length >= MAX_FILES) throw new Error(`A message takes ${MAX_FILES} attachments at most.`);
  const bytes = [...others.map((other) => other.part), part].reduce((sum, each) => sum + (sizeOf(each) ?? 0), 0);
  if (bytes > MAX_BYTES) throw new Error(`The attachments of a message have ${sizeText(MAX_BYTES)} together at most.`);
}
