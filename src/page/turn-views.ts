/** Messages as views: those of the user and replies. */

import type { ChatReply, ChatToolCall, ChatUserMessage } from "../web/index.ts";
import type { AttachedPart } from "./attached-file.ts";
import { attachmentsView, nameIn, pendingView } from "./attachment-view.ts";
import { GrowingMarkdown, link } from "./markdown.ts";
import { linkOf, pictureOf, siteOf } from "./safe-url.ts";
import { toolView } from "./tool-view.ts";
import { h, icon, type VElement } from "./vnode.ts";

/** A message of the user, and whether it is being edited. */
export interface UserTurn {
  readonly message: ChatUserMessage;
  /** The text in the editor when it opens, and the attachments that stay; absent when it is not open. */
  readonly edit?: { readonly draft: string; readonly attachments: readonly AttachedPart[] } | undefined;
}

/** Returns a message of the user, or its editor. */
export function userView({ message, edit }: UserTurn): VElement {
  const { id, content, attachments = [], state } = message;
  return h(
    "article",
    { class: `turn user is-${state}`, key: id, "data-message": id },
    h("h2", { class: "unseen" }, "You"),
    ...(edit === undefined
      ? [
          ...(attachments.length > 0 ? [attachmentsView(attachments)] : []),
          ...(content === "" ? [] : [h("div", { class: "bubble", key: "bubble", dir: "auto" }, content)]),
          h(
            "div",
            { class: "actions", key: "actions" },
            action("edit", "edit", "Edit"),
            content !== "" && action("copy", "copy", "Copy"),
          ),
        ]
      : [editor(edit)]),
  );
}

/** Its text is put in when it opens, and is the person's from then on. */
function editor({ draft, attachments }: NonNullable<UserTurn["edit"]>): VElement {
  return h(
    "form",
    { class: "editor", key: "editor", "data-action": "save-edit" },
    attachments.length > 0 &&
      h(
        "ul",
        { class: "tray", key: "tray", "aria-label": "Attachments" },
        pendingView(attachments.map((part, place) => ({ key: `${place} ${nameIn(part, place)}`, part }))),
      ),
    h("textarea", {
      key: "text",
      dir: "auto",
      "aria-label": "Edit your message",
      rows: String(Math.min(12, draft.split("\n").length + 1)),
    }),
    h(
      "div",
      { class: "buttons", key: "buttons" },
      h("button", { type: "button", "data-action": "cancel-edit" }, "Cancel"),
      h("button", { type: "submit", class: "primary" }, "Send"),
    ),
  );
}

/** A reply, and what the page knows about it. */
export interface ReplyTurn {
  readonly reply: ChatReply;
  /** The line under it. */
  readonly figures: string;
  /** Whether nothing has come after it, so that it can be written again in its place. */
  readonly isLast: boolean;
}

/** The view of one reply, which keeps what it has parsed. */
export class ReplyView {
  readonly #texts = new Map<number, GrowingMarkdown>();
  readonly #thinking = new GrowingMarkdown();

  view({ reply, figures, isLast }: ReplyTurn): VElement {
    const { id, state, citations, media } = reply;
    const isWriting = state === "writing";
    const isEmpty = reply.content === "" && reply.reasoning === "" && reply.toolCalls.length === 0;
    return h(
      "article",
      { class: `turn reply is-${state}`, key: id, "data-message": id, "aria-busy": isWriting && "true" },
      h("h2", { class: "unseen" }, "Reply"),
      isWriting && isEmpty && waitingView(),
      this.#thinkingView(reply),
      ...this.#body(reply),
      ...media.map(mediaView),
      awaitsWord(reply) && waitingView(),
      citations.length > 0 && sourcesView(citations),
      h(
        "footer",
        { class: "meta", key: "meta" },
        h("span", { class: "figures" }, figures),
        !isWriting &&
          h(
            "div",
            { class: "actions" },
            action("copy", "copy", "Copy"),
            action("regenerate", "again", isLast ? "Write again" : "Write again from here"),
          ),
      ),
    );
  }

  /** Open while there is nothing else to read. */
  #thinkingView({ reasoning, content, toolCalls, state }: ChatReply): VElement | undefined {
    if (reasoning.trim() === "") return undefined;
    const isThinking = state === "writing" && content === "" && toolCalls.length === 0;
    return h(
      "details",
      { class: isThinking ? "thinking is-thinking" : "thinking", key: "thinking" },
      h("summary", {}, icon("thought"), h("span", {}, isThinking ? "Thinking…" : "Thinking")),
      h("div", { class: "prose", dir: "auto" }, this.#thinking.view(reasoning, !isThinking)),
    );
  }

  /** The text, with each call where it was made. */
  #body({ content, toolCalls, state }: ChatReply): readonly VElement[] {
    const views: VElement[] = [];
    let from = 0;
    const say = (to: number, isComplete: boolean) => {
      const text = content.slice(from, to);
      if (text.trim() !== "") views.push(this.#prose(from, text, isComplete));
      from = to;
    };
    for (const call of [...toolCalls].sort(byPlace)) {
      say(Math.max(from, Math.min(call.at, content.length)), true);
      views.push(toolView(call));
    }
    say(content.length, state !== "writing");
    return views;
  }

  #prose(from: number, text: string, isComplete: boolean): VElement {
    const markdown = this.#texts.get(from) ?? new GrowingMarkdown();
    this.#texts.set(from, markdown);
    return h(
      "div",
      { class: isComplete ? "prose" : "prose is-open", key: `text-${from}`, dir: "auto" },
      markdown.view(text, isComplete),
    );
  }
}

/** Returns whether the calls of a reply have ended, and nothing has come since. */
function awaitsWord({ state, content, toolCalls }: ChatReply): boolean {
  const hasEnded = (call: ChatToolCall) => call.state === "done" || call.state === "failed" || call.state === "denied";
  const isLast = ({ at }: ChatToolCall) => at >= content.length;
  return state === "writing" && toolCalls.some(isLast) && toolCalls.every(hasEnded);
}

function byPlace(one: ChatToolCall, other: ChatToolCall): number {
  return one.at - other.at;
}

/** The place of a reply before its first word. */
export function waitingView(): VElement {
  return h("p", { class: "waiting", key: "waiting" }, h("span", { class: "unseen" }, "The reply has not begun yet."));
}

function sourcesView(citations: ChatReply["citations"]): VElement {
  const byUrl = new Map(citations.map((citation) => [citation.url, citation]));
  return h(
    "aside",
    { class: "sources", key: "sources", "aria-label": "Sources" },
    h("h3", {}, "Sources"),
    h(
      "ol",
      {},
      [...byUrl.values()].map(({ url, title }) => {
        const safe = linkOf(url);
        const site = safe === undefined ? url : siteOf(safe);
        return h("li", {}, link(url, [title || site]), title ? h("span", { class: "site" }, site) : undefined);
      }),
    ),
  );
}

function mediaView({ mediaType, data, name }: ChatReply["media"][number], place: number): VElement {
  const key = `media-${place}`;
  const source = data === undefined || !/^[\w.+/-]+$/.test(mediaType) ? undefined : `data:${mediaType};base64,${data}`;
  const picture = source === undefined ? undefined : pictureOf(source);
  if (picture !== undefined)
    return h("figure", { key, class: "media" }, h("img", { src: picture, alt: name ?? "Picture" }));
  if (source !== undefined && mediaType.startsWith("audio/")) {
    return h("figure", { key, class: "media" }, h("audio", { controls: true, src: source }));
  }
  return h("p", { key, class: "attachment" }, name ?? mediaType);
}

function action(name: string, picture: string, label: string): VElement {
  return h(
    "button",
    { type: "button", class: "quiet", "data-action": name, title: label },
    icon(picture),
    h("span", {}, label),
  );
}
