/** Pictures and sounds of a reply as files. The names are ours, and existing files stay untouched. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Media } from "../index.ts";
import { CommandError } from "./command-error.ts";
import { quoted } from "./one-line.ts";
import type { Terminal } from "./terminal.ts";

/** File extensions by media type. The provider's name of a type does not get into a file name. */
const ENDINGS: Readonly<Record<string, string>> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/webp": "webp",
  "image/gif": "gif",
  "image/svg+xml": "svg",
  "image/heic": "heic",
  "audio/pcm": "wav",
  "audio/wav": "wav",
  "audio/x-wav": "wav",
  "audio/mpeg": "mp3",
  "audio/mp3": "mp3",
  "audio/ogg": "ogg",
  "audio/flac": "flac",
  "audio/aac": "aac",
  "video/mp4": "mp4",
  "application/pdf": "pdf",
};

const KINDS: Readonly<Record<string, string>> = { image: "picture", audio: "sound", video: "video" };

/** Longer addresses are cut, in characters. */
const MAX_PLACE = 2_000;

/** Maximum number of names to try in one folder. */
const MAX_NUMBER = 100_000;

/**
 * Writes the media of a reply into the folder, which it creates if needed, and prints the path of each on stderr. For
 * media at an address, or in the provider's store, it prints that place.
 * @throws {CommandError} when one cannot be written; the others are
 */
export async function saveMedia(
  media: readonly Media[] | undefined,
  folder: string | undefined,
  { stderr }: Terminal,
): Promise<void> {
  let failure: unknown;
  for (const medium of media ?? []) {
    const [type = ""] = medium.mediaType.toLowerCase().split(/[/;]/);
    const kind = Object.hasOwn(KINDS, type) ? KINDS[type] : "file";
    const note = medium.partial ? " (not complete)" : "";
    try {
      const place =
        medium.data === undefined
          ? quoted(medium.url ?? `the provider's file ${medium.fileId}`, MAX_PLACE)
          : await saved(medium, `${kind}`, folder);
      await stderr.line(`${kind}${note}: ${place}`);
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure === undefined) return;
  const reason = failure instanceof Error ? failure.message : String(failure);
  throw new CommandError(`A picture or a sound could not be saved: ${reason}`, 1);
}

/** Returns the name of the file: the first number that is free. `wx` follows no link and overwrites nothing. */
async function saved(medium: Media, kind: string, folder: string | undefined): Promise<string> {
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  const bytes = bytesOf(medium);
  const type = medium.mediaType.toLowerCase().split(";")[0]?.trim() ?? "";
  const ending = Object.hasOwn(ENDINGS, type) ? ENDINGS[type] : "bin";
  for (let number = 1; number <= MAX_NUMBER; number++) {
    const file = join(folder ?? ".", `${kind}-${number}.${ending}`);
    try {
      await writeFile(file, bytes, { flag: "wx", mode: 0o600 });
      return file;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  throw new Error(`the folder has ${MAX_NUMBER} of them already`);
}

/** Adds the header that players require to raw sound. */
function bytesOf({ mediaType, data = "" }: Media): Buffer {
  const bytes = Buffer.from(data, "base64");
  if (!/^audio\/pcm\b/i.test(mediaType)) return bytes;
  const rate = Number(/rate=(\d{1,6})\b/i.exec(mediaType)?.[1] ?? 24_000);
  return Buffer.concat([wavHeader(bytes.length, rate), bytes]);
}

/**
 * Returns the header of 16-bit mono sound.
 * @see http://soundfile.sapp.org/doc/WaveFormat/
 */
function wavHeader(length: number, rate: number): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0, "latin1");
  header.writeUInt32LE(36 + length, 4);
  header.write("WAVEfmt ", 8, "latin1");
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22); // channels
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36, "latin1");
  header.writeUInt32LE(length, 40);
  return header;
}
