/** Attachments as views: in a message, and while it is written, where each can be taken away. */

import { type AttachedPart, sizeOf, sizeText } from "./attached-file.ts";
import { pictureOf } from "./safe-url.ts";
import { h, icon, type VElement } from "./vnode.ts";

/** An attachment of a message that is not sent yet. */
export interface PendingAttachment {
  /** Recognizes it among its neighbours. */
  readonly key: string;
  readonly part: AttachedPart;
  /** The address of a picture in the memory of the page; absent: that of its data. */
  readonly preview?: string;
}

/** The attachments of a message that was sent. */
export function attachmentsView(parts: readonly AttachedPart[]): VElement {
  const isAlone = parts.length === 1;
  return h(
    "ul",
    { class: isAlone ? "attached is-alone" : "attached", key: "attached", "aria-label": "Attachments" },
    parts.map((part, place) => {
      const picture = addressOf(part);
      if (picture === undefined) return h("li", { class: "file" }, ...fileView(part));
      return h("li", { class: "picture" }, h("img", { src: picture, alt: nameIn(part, place) }));
    }),
  );
}

/** Attachments that can be taken away: `data-action="detach"` with their place. */
export function pendingView(attachments: readonly PendingAttachment[]): readonly VElement[] {
  return attachments.map(({ key, part, preview = addressOf(part) }, place) =>
    h(
      "li",
      { key, class: preview === undefined ? "file" : "picture" },
      ...(preview === undefined ? fileView(part) : [h("img", { src: preview, alt: nameIn(part, place) })]),
      h(
        "button",
        {
          type: "button",
          class: "detach",
          "data-action": "detach",
          "data-place": String(place),
          "aria-label": `Remove ${nameIn(part, place)}`,
        },
        icon("close"),
      ),
    ),
  );
}

/** Returns the name of an attachment, for people. */
export function nameIn(part: AttachedPart, place: number): string {
  return (part.type === "file" && part.filename) || (part.type === "image" ? `Picture ${place + 1}` : "File");
}

function fileView(part: AttachedPart): readonly VElement[] {
  const size = sizeOf(part);
  return [
    icon("file"),
    h("span", { class: "name", dir: "auto" }, nameIn(part, 0)),
    ...(size === undefined ? [] : [h("span", { class: "size" }, sizeText(size))]),
  ];
}

function addressOf(part: AttachedPart): string | undefined {
  if (!("data" in part) || typeof part.data !== "string") return undefined;
  return pictureOf(`data:${part.mediaType};base64,${part.data}`);
}
