/** The chat page: one conversation at a time, the list of all, and what a person does with them. */

import { type Chat, type Chats, createChats } from "../web/index.ts";
import { Announcer } from "./announcer.ts";
import { copy } from "./clipboard.ts";
import { Composer } from "./composer.ts";
import { elementOf } from "./elements.ts";
import { type MessageContent, titleOf } from "./message-content.ts";
import { ModelChoice } from "./model-choice.ts";
import { otherTabs } from "./other-tabs.ts";
import { patchChildren } from "./patch.ts";
import { Follower } from "./scroll.ts";
import type { ServerInfo } from "./server-info.ts";
import { Sidebar } from "./sidebar.ts";
import { Thread } from "./thread.ts";
import { welcomeView } from "./welcome.ts";

/** How long a button says that it has copied, in milliseconds. */
const COPIED_MS = 1_500;

const TITLE_LENGTH = 60;

/** Joins the parts of the page, and shows one conversation in them. */
export class App {
  readonly #chats: Chats;
  readonly #box = elementOf("thread", HTMLElement);
  readonly #welcome = elementOf("welcome", HTMLElement);
  readonly #notice = elementOf("notice", HTMLElement);
  readonly #title = elementOf("title", HTMLElement);
  readonly #latest = elementOf("latest", HTMLButtonElement);
  readonly #composer: Composer;
  readonly #sidebar: Sidebar;
  readonly #follower: Follower;
  readonly #announcer = new Announcer(elementOf("live", HTMLElement));
  readonly #tellTabs = otherTabs(() => this.#catchUp());
  #thread: Thread;
  #leave: () => void = () => undefined;

  constructor(info: ServerInfo) {
    const choice = new ModelChoice(info);
    this.#chats = createChats({
      url: "/relay",
      get model() {
        return choice.chosen;
      },
    });
    this.#composer = new Composer({
      onSend: (content) => this.#send(content),
      onStop: () => void this.#stop(),
      onNews: (sentence) => this.#announcer.say(sentence),
    });
    this.#sidebar = new Sidebar(this.#chats, {
      onOpen: (chat) => this.#goTo(chat),
      onNew: () => this.#goTo(undefined),
      onDeleted: (chat) => this.#deleted(chat),
    });
    this.#follower = new Follower(this.#box, (isAway) => {
      this.#latest.hidden = !isAway;
    });
    this.#thread = this.#threadOf(this.#chats.open(idIn(location.hash) ?? newId()));
    patchChildren(this.#welcome, welcomeView(info));
    this.#listen();
  }

  /** Shows the conversation of the address, and the list. */
  start(): void {
    this.#open(this.#thread.chat.id);
    void this.#sidebar.refresh();
  }

  #listen(): void {
    this.#latest.addEventListener("click", () => this.#follower.follow());
    this.#box.addEventListener("click", (event) => void this.#clicked(event));
    this.#box.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#saveEdit();
    });
    elementOf("skip", HTMLAnchorElement).addEventListener("click", (event) => {
      event.preventDefault(); // the address is that of the conversation
      this.#sidebar.close();
      elementOf("text", HTMLTextAreaElement).focus();
    });
    document.addEventListener("keydown", (event) => this.#pressed(event));
    window.addEventListener("popstate", () => {
      const id = idIn(location.hash);
      if (id !== this.#thread.chat.id) this.#open(id ?? newId());
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#catchUp();
    });
  }

  #threadOf(chat: Chat): Thread {
    return new Thread(chat, elementOf("turns", HTMLElement), () => this.#render());
  }

  #open(id: string): void {
    this.#leave();
    const left = this.#thread.chat;
    const chat = this.#chats.open(id);
    this.#thread = this.#threadOf(chat);
    this.#announcer.open(chat.snapshot);
    this.#leave = chat.subscribe(() => this.#render());
    if (left.id !== id && isEmpty(left)) this.#composer.forget(left.id);
    this.#composer.open(id, idIn(location.hash) === id);
    this.#sidebar.select(id);
    this.#render();
    this.#follower.follow();
    this.#composer.focus();
  }

  /** Opens a conversation, or begins one, so that the browser's way back leads here. */
  #goTo(id: string | undefined): void {
    if (idIn(location.hash) !== id) history.pushState(null, "", addressOf(id));
    if (id !== this.#thread.chat.id) this.#open(id ?? newId());
    else this.#composer.focus();
  }

  #render(): void {
    const { chat } = this.#thread;
    const { status, messages, isLoaded } = chat.snapshot;
    this.#thread.render();
    this.#welcome.hidden = messages.length > 0 || !isLoaded;
    const isBusy = status !== "idle" && status !== "failed";
    this.#composer.show(isBusy ? "stop" : "send");
    const notice = status === "reconnecting" ? "The connection is lost. Reconnecting…" : "";
    if (this.#notice.textContent !== notice) this.#notice.textContent = notice;
    this.#showTitle();
    this.#announcer.look(chat.snapshot);
    this.#follower.grown();
  }

  #showTitle(): void {
    const first = this.#thread.chat.snapshot.messages.find((message) => message.role === "user");
    const line = first ? titleOf(first) : "";
    const title = line.length <= TITLE_LENGTH ? line : `${line.slice(0, TITLE_LENGTH - 1).trimEnd()}…`;
    const shown = title || "New conversation";
    if (this.#title.textContent === shown) return;
    this.#title.textContent = shown;
    document.title = title ? `${title} · CloudLLM` : "CloudLLM";
  }

  #send(content: MessageContent): void {
    const { chat } = this.#thread;
    if (idIn(location.hash) !== chat.id) {
      history.replaceState(null, "", addressOf(chat.id));
      this.#composer.begun();
    }
    this.#follower.follow();
    void this.#doing(chat.send(content));
  }

  /** Follows a reply that this page has asked for, for the list and the other tabs. */
  async #doing(reply: Promise<unknown>): Promise<void> {
    const { id } = this.#thread.chat;
    const isKnown = this.#sidebar.titleOf(id) !== "";
    const begun = this.#thread.chat.subscribe(() => {
      if (this.#chats.open(id).snapshot.status !== "streaming") return;
      begun();
      this.#tellTabs(id);
      if (!isKnown) void this.#sidebar.refresh();
    });
    await reply.catch(() => undefined); // it is being done already, or cannot be done any more
    begun();
    this.#tellTabs(id);
    await this.#sidebar.refresh();
  }

  async #stop(): Promise<void> {
    await this.#thread.chat.stop();
    this.#composer.focus();
  }

  /** Another tab or another device may have said something. */
  #catchUp(): void {
    const { status } = this.#thread.chat.snapshot;
    if (status === "idle" || status === "failed") void this.#thread.chat.load();
    void this.#sidebar.refresh();
  }

  #deleted(id: string): void {
    this.#composer.forget(id);
    this.#tellTabs(id);
    if (id !== this.#thread.chat.id) return;
    history.replaceState(null, "", addressOf(undefined));
    this.#open(newId());
  }

  #pressed(event: KeyboardEvent): void {
    if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (this.#sidebar.isOpen) this.#sidebar.close();
    else if (this.#thread.isEditing) this.#cancelEdit();
    else void this.#stop();
  }

  async #clicked(event: MouseEvent): Promise<void> {
    const button = event.target instanceof Element ? event.target.closest("button[data-action]") : null;
    if (!(button instanceof HTMLButtonElement)) return;
    const messageId = button.closest<HTMLElement>("[data-message]")?.dataset.message ?? "";
    const { chat } = this.#thread;
    switch (button.dataset.action) {
      case "suggest":
        return this.#send(button.textContent ?? "");
      case "copy":
        return copied(button, this.#thread.messageOf(messageId)?.content ?? "");
      case "copy-code":
        return copied(button, button.closest("figure")?.querySelector("code")?.textContent ?? "");
      case "edit":
        return this.#thread.edit(messageId);
      case "detach":
        return this.#thread.detach(Number(button.dataset.place));
      case "cancel-edit":
        return this.#cancelEdit();
      case "regenerate":
        this.#follower.follow();
        return this.#doing(chat.regenerate(messageId));
      case "retry":
        return this.#doing(chat.retry());
      case "allow":
      case "deny":
        return this.#doing(this.#thread.answer(button.dataset.call ?? "", button.dataset.action === "allow"));
    }
  }

  #saveEdit(): void {
    const edited = this.#thread.closeEditor();
    this.#composer.focus();
    if (!edited) return;
    this.#follower.follow();
    void this.#doing(this.#thread.chat.edit(edited.messageId, edited.content));
  }

  #cancelEdit(): void {
    this.#thread.closeEditor();
    this.#composer.focus();
  }
}

async function copied(button: HTMLButtonElement, text: string): Promise<void> {
  const label = button.querySelector("span");
  if (!label || button.dataset.copied !== undefined) return;
  const words = label.textContent;
  label.textContent = (await copy(text)) ? "Copied" : "Not copied";
  button.dataset.copied = "";
  setTimeout(() => {
    label.textContent = words;
    delete button.dataset.copied;
  }, COPIED_MS);
}

/** Whether it is known that a conversation has no messages. */
function isEmpty({ snapshot }: Chat): boolean {
  return snapshot.isLoaded && snapshot.messages.length === 0;
}

/** Returns the address of a conversation; of a new one without an id. */
function addressOf(id: string | undefined): string {
  return id === undefined ? location.pathname : `#/${id}`;
}

function idIn(hash: string): string | undefined {
  return /^#\/([\w-]{1,128})$/.exec(hash)?.[1];
}

/** `crypto.randomUUID` is not there over plain HTTP in a local network. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
