/** The messages of one conversation on the page. */

import type { Chat, ChatMessage, ChatSnapshot } from "../web/index.ts";
import type { AttachedPart } from "./attached-file.ts";
import { Costs } from "./costs.ts";
import { figuresOf } from "./figures.ts";
import { contentOf, type MessageContent } from "./message-content.ts";
import { patchChildren } from "./patch.ts";
import { ReplyView, userView, waitingView } from "./turn-views.ts";
import { h, icon, type VElement } from "./vnode.ts";

/** A message that is being edited. */
interface Edit {
  readonly messageId: string;
  readonly draft: string;
  /** Those that stay. */
  readonly attachments: readonly AttachedPart[];
}

/** A view that was made, and what it was made from. */
interface Made {
  readonly from: readonly unknown[];
  readonly view: VElement;
}

/** Shows a chat in an element. Messages that did not change are not looked at again. */
export class Thread {
  readonly chat: Chat;
  readonly #box: HTMLElement;
  readonly #costs: Costs;
  readonly #replies = new Map<string, ReplyView>();
  readonly #made = new Map<string, Made>();
  #edit: Edit | undefined;

  /** @param onChange called when the page must render again */
  constructor(chat: Chat, box: HTMLElement, onChange: () => void) {
    this.chat = chat;
    this.#box = box;
    this.#costs = new Costs(onChange);
  }

  /** Whether a message is being edited. */
  get isEditing(): boolean {
    return this.#edit !== undefined;
  }

  render(): void {
    const { snapshot } = this.chat;
    const views = snapshot.messages.map((message, place) => this.#viewOf(message, place, snapshot));
    if (snapshot.status === "sending" && snapshot.messages.at(-1)?.role === "user")
      views.push(nextReply(snapshot.messages.length));
    if (snapshot.status === "failed" && snapshot.error) views.push(failureView(snapshot.error.message));
    patchChildren(this.#box, views);
  }

  /** Opens the editor of a message, with its text. */
  edit(messageId: string): void {
    const message = this.messageOf(messageId);
    if (message?.role !== "user") return;
    this.#edit = { messageId, draft: message.content, attachments: message.attachments ?? [] };
    this.render();
    const editor = this.#editor;
    if (!editor) return;
    editor.value = message.content;
    editor.focus();
    editor.setSelectionRange(editor.value.length, editor.value.length);
  }

  /** Takes an attachment from the message that is being edited. */
  detach(place: number): void {
    if (!this.#edit) return;
    this.#edit = { ...this.#edit, attachments: this.#edit.attachments.filter((_part, at) => at !== place) };
    this.render();
    this.#editor?.focus();
  }

  /** Closes the editor. Returns the message and its new content, unless it is empty. */
  closeEditor(): { readonly messageId: string; readonly content: MessageContent } | undefined {
    const { messageId, attachments = [] } = this.#edit ?? {};
    const text = this.#editor?.value.trim() ?? "";
    this.#edit = undefined;
    this.render();
    const isEmpty = text === "" && attachments.length === 0;
    return messageId === undefined || isEmpty ? undefined : { messageId, content: contentOf(text, attachments) };
  }

  /** Sends the answer to a call of the last reply. */
  answer(callId: string, isAllowed: boolean): Promise<unknown> {
    return this.chat.answer(callId, isAllowed ? true : { deny: "The user refused the call." });
  }

  messageOf(messageId: string): ChatMessage | undefined {
    return this.chat.snapshot.messages.find(({ id }) => id === messageId);
  }

  get #editor(): HTMLTextAreaElement | null {
    return this.#box.querySelector(".editor textarea");
  }

  #viewOf(message: ChatMessage, place: number, { messages }: ChatSnapshot): VElement {
    if (message.role === "user") {
      const edit = this.#edit?.messageId === message.id ? this.#edit : undefined;
      return this.#once(message.id, [message, edit], () => userView({ message, edit }));
    }
    const isLast = place === messages.length - 1;
    const figures = message.state === "writing" ? "" : figuresOf(message, this.#costs.costOf(message));
    return this.#once(message.id, [message, isLast, figures], () => {
      const view = this.#replies.get(message.id) ?? new ReplyView();
      this.#replies.set(message.id, view);
      return view.view({ reply: message, figures, isLast });
    });
  }

  /** Returns the view that was made from the same, or makes it. */
  #once(id: string, from: readonly unknown[], make: () => VElement): VElement {
    const made = this.#made.get(id);
    if (made && made.from.length === from.length && made.from.every((part, at) => part === from[at])) return made.view;
    const view = make();
    this.#made.set(id, { from, view });
    return view;
  }
}

/** The place of the reply that was asked for: the same element as that of its first words. */
function nextReply(place: number): VElement {
  return h(
    "article",
    { class: "turn reply is-writing", key: `m${place}`, "aria-busy": "true" },
    waitingView(),
    h("footer", { class: "meta" }),
  );
}

function failureView(message: string): VElement {
  return h(
    "div",
    { class: "failure", key: "failure", role: "alert" },
    icon("failed"),
    h("p", {}, message),
    h("button", { type: "button", "data-action": "retry" }, "Try again"),
  );
}
