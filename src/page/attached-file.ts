/** A file of the person as a part of a message. Its bytes say its kind, since names and labels may be wrong. */

import type { ChatUserMessage } from "../web/index.ts";

/** A picture, a PDF or a text. */
export type AttachedPart = NonNullable<ChatUserMessage["attachments"]>[number];

/** All attachments of one message may have so many bytes: the server takes a third more, since they travel as text. */
export const MAX_BYTES = 10_000_000;

/** Maximum number of attachments of one message. */
export const MAX_FILES = 20;

/** The beginnings of the kinds of files that models read, one character a byte; `.` is any. */
const KINDS: readonly (readonly [type: string, beginning: RegExp])[] = [
  ["image/png", /^\x89PNG\r\n\x1a\n/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8[79]a/],
  ["image/webp", /^RIFF[\s\S]{4}WEBP/],
  ["application/pdf", /^[\s\S]{0,8}%PDF-/],
];

/** Control characters that no text has. */
const BINARY = /[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]/;

/**
 * Resolves with a file as a part of a message.
 * @throws {Error} with a sentence for the person, when it is not one that a model reads
 */
export async function partOf(file: File): Promise<AttachedPart> {
  const name = nameOf(file);
  if (file.size === 0) throw new Error(`${name} is empty.`);
  if (file.size > MAX_BYTES)
    throw new Error(`${name} has ${sizeText(file.size)}: attachments have ${sizeText(MAX_BYTES)} at most.`);
  const bytes = await bytesOf(file);
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  const type = KINDS.find(([, beginning]) => beginning.test(head))?.[0];
  if (type?.startsWith("image/")) return { type: "image", mediaType: type, data: await base64Of(file) };
  if (type !== undefined) return { type: "file", mediaType: type, filename: name, data: await base64Of(file) };
  const text = textIn(bytes);
  if (text === undefined) {
    throw new Error(`${name} cannot be read by a model. Pictures (PNG, JPEG, GIF, WebP), PDFs and texts can.`);
  }
  return { type: "file", mediaType: "text/plain", filename: name, data: await base64Of(new Blob([text])) };
}

/** Returns the size of an attachment in bytes; `undefined` where its bytes are elsewhere. */
export function sizeOf(part: AttachedPart): number | undefined {
  const data = "data" in part ? part.data : undefined;
  return typeof data === "string" ? Math.floor((data.length * 3) / 4) : data?.length;
}

/** Returns a size for people, such as `1.2 MB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  const [amount, unit] = bytes < 999_500 ? [bytes / 1_000, "kB"] : [bytes / 1_000_000, "MB"];
  return `${amount < 9.95 ? amount.toFixed(1).replace(".0", "") : Math.round(amount)} ${unit}`;
}

/** The name without control characters and marks of direction, which could make it look like another. */
function nameOf({ name }: File): string {
  return (
    name
      .replace(/[\p{Cc}\p{Cf}]/gu, "")
      .trim()
      .slice(-100) || "The file"
  );
}

/**
 * @throws {Error} with a sentence: a folder looks like a file, and a file may be gone or locked
 */
async function bytesOf(file: File): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Error(`${nameOf(file)} cannot be opened. It may be a folder, or no longer there.`);
  }
}

/** Returns a text as UTF-8, or as older programs write it; `undefined` for bytes that are not text. */
function textIn(bytes: Uint8Array): string | undefined {
  const [first, second] = bytes;
  const mark =
    first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : undefined;
  for (const encoding of mark ? [mark] : ["utf-8", "windows-1252"]) {
    try {
      const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
      return BINARY.test(text) ? undefined : text;
    } catch {
      // the next encoding
    }
  }
  return undefined;
}

function base64Of(blob: Blob): Promise<string> {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.addEventListener("load", () => {
      const url = String(reader.result);
      resolve(url.slice(url.indexOf(",") + 1));
    });
    reader.addEventListener("error", () => reject(new Error("A file cannot be read.")));
    reader.readAsDataURL(blob);
  });
}
