/** The list of conversations: opens one, begins one, deletes one. A drawer where the page is narrow. */

import type { ChatSummary, Chats } from "../web/index.ts";
import { elementOf } from "./elements.ts";
import { patchChildren } from "./patch.ts";
import { h, icon, type VElement } from "./vnode.ts";

/** Called when a person asks for it. */
export interface SidebarEvents {
  readonly onOpen: (chat: string) => void;
  readonly onNew: () => void;
  readonly onDeleted: (chat: string) => void;
}

const PAGE = 40;

/** The groups of the list. */
const AGES = ["Today", "Yesterday", "Last seven days", "Earlier"] as const;

const DAY_MS = 86_400_000;

/** Shows the list, and asks before it deletes. */
export class Sidebar {
  readonly #chats: Chats;
  readonly #events: SidebarEvents;
  readonly #list = elementOf("chats", HTMLElement);
  readonly #dialog = elementOf("confirm", HTMLDialogElement);
  #shown: readonly ChatSummary[] = [];
  #next: string | undefined;
  #current = "";
  #fault = "";

  constructor(chats: Chats, events: SidebarEvents) {
    this.#chats = chats;
    this.#events = events;
    elementOf("new", HTMLButtonElement).addEventListener("click", () => {
      this.#drawer(false);
      events.onNew();
    });
    elementOf("open-menu", HTMLButtonElement).addEventListener("click", () => this.#drawer(true));
    elementOf("close-menu", HTMLButtonElement).addEventListener("click", () => this.#drawer(false));
    elementOf("shade", HTMLElement).addEventListener("click", () => this.#drawer(false));
    this.#list.addEventListener("click", (event) => void this.#clicked(event));
  }

  /** Whether the drawer is open, over a narrow page. */
  get isOpen(): boolean {
    return "drawer" in document.body.dataset;
  }

  close(): void {
    this.#drawer(false);
  }

  /** Marks the conversation that is shown. */
  select(chat: string): void {
    this.#current = chat;
    this.#render();
  }

  /** Returns the title of a conversation, as far as it is known. */
  titleOf(chat: string): string {
    return this.#shown.find(({ id }) => id === chat)?.title ?? "";
  }

  /** Asks the server for the list. Never rejects. */
  async refresh(): Promise<void> {
    try {
      const { chats, next } = await this.#chats.list({ limit: Math.min(100, Math.max(PAGE, this.#shown.length)) });
      this.#shown = chats;
      this.#next = next;
      this.#fault = "";
    } catch {
      this.#fault = "The list cannot be read.";
    }
    this.#render();
  }

  async #more(): Promise<void> {
    const cursor = this.#next;
    if (cursor === undefined) return;
    try {
      const { chats, next } = await this.#chats.list({ limit: PAGE, cursor });
      const known = new Set(this.#shown.map(({ id }) => id));
      this.#shown = [...this.#shown, ...chats.filter(({ id }) => !known.has(id))];
      this.#next = next;
    } catch {
      this.#fault = "The list cannot be read.";
    }
    this.#render();
  }

  async #clicked(event: MouseEvent): Promise<void> {
    const target = event.target instanceof Element ? event.target.closest("[data-action]") : null;
    if (!(target instanceof HTMLElement)) return;
    const { action, chat = "" } = target.dataset;
    if (action === "more") await this.#more();
    else if (action === "delete") await this.#delete(chat);
    else if (action === "open" && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      this.#drawer(false);
      this.#events.onOpen(chat);
    }
  }

  async #delete(chat: string): Promise<void> {
    elementOf("confirm-name", HTMLElement).textContent = this.titleOf(chat);
    this.#dialog.returnValue = "keep";
    this.#dialog.showModal();
    await new Promise((resolve) => this.#dialog.addEventListener("close", resolve, { once: true }));
    if (this.#dialog.returnValue !== "delete") return;
    try {
      await this.#chats.delete(chat);
      this.#shown = this.#shown.filter(({ id }) => id !== chat);
      this.#events.onDeleted(chat);
    } catch {
      this.#fault = "The conversation could not be deleted.";
    }
    this.#render();
  }

  #drawer(isOpen: boolean): void {
    if (isOpen === this.isOpen) return;
    const { dataset } = document.body;
    if (isOpen) dataset.drawer = "open";
    else delete dataset.drawer;
    elementOf("main", HTMLElement).inert = isOpen;
    const opener = elementOf("open-menu", HTMLButtonElement);
    opener.setAttribute("aria-expanded", String(isOpen));
    (isOpen ? elementOf("close-menu", HTMLButtonElement) : opener).focus();
  }

  #render(): void {
    const now = Date.now();
    const views = AGES.flatMap((age) => {
      const chats = this.#shown.filter(({ updatedAt }) => ageOf(updatedAt, now) === age);
      const items = chats.map((chat) => this.#item(chat));
      return items.length === 0 ? [] : [h("section", { key: age }, h("h2", {}, age), h("ul", {}, items))];
    });
    const isEmpty = this.#shown.length === 0 && this.#fault === "";
    patchChildren(this.#list, [
      ...views,
      ...(isEmpty ? [h("p", { class: "none", key: "none" }, "Conversations are kept here.")] : []),
      ...(this.#fault ? [h("p", { class: "none", key: "fault", role: "alert" }, this.#fault)] : []),
      ...(this.#next === undefined
        ? []
        : [h("button", { type: "button", class: "quiet", key: "more", "data-action": "more" }, "Show more")]),
    ]);
  }

  #item({ id, title }: ChatSummary): VElement {
    const name = title || "Without a title";
    const isCurrent = id === this.#current;
    return h(
      "li",
      { key: id, class: isCurrent && "is-current" },
      h("a", { href: `#/${id}`, "data-action": "open", "data-chat": id, "aria-current": isCurrent && "page" }, name),
      h(
        "button",
        {
          type: "button",
          class: "quiet square",
          "data-action": "delete",
          "data-chat": id,
          "aria-label": `Delete ${name}`,
        },
        icon("trash"),
      ),
    );
  }
}

/** Returns how long ago a moment was, in the words of the list. */
function ageOf(moment: number, now: number): (typeof AGES)[number] {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (moment >= midnight) return "Today";
  if (moment >= midnight - DAY_MS) return "Yesterday";
  if (moment >= midnight - 7 * DAY_MS) return "Last seven days";
  return "Earlier";
}
