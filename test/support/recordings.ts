/** Recorded replies of real providers, with what a correct client makes of them; kept beside the project. */

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";

const FOLDER = new URL("../../../shared/fixtures/", import.meta.url);

/** Why the recordings cannot be used here; `undefined` when they can. */
export const recordingsMissing: string | undefined = existsSync(new URL("expected.json", FOLDER))
  ? undefined
  : "the recorded replies (../shared/fixtures) are not beside this checkout";

/** One recorded answer. */
export interface Recording {
  readonly file: string;
  readonly format: "sse" | "chunks" | "json" | "recording";
  readonly http_status?: number;
  readonly tags: readonly string[];
  readonly expected: ExpectedFile;
}

interface ExpectedFile {
  readonly kind: "stream" | "json" | "error" | "recording";
  readonly responses?: readonly ExpectedReply[];
}

interface ExpectedText {
  readonly sha256: string;
  readonly len: { readonly utf16: number };
}

export interface ExpectedReply {
  readonly id?: string;
  readonly model?: string;
  readonly text: ExpectedText;
  readonly reasoning: ExpectedText;
  readonly tool_calls: readonly { readonly id: string | null; readonly name: string; readonly args: unknown }[];
  readonly finish?: { readonly raw: string | null };
  readonly usage?: {
    readonly input: number | null;
    readonly output: number | null;
    readonly total: number | null;
    readonly raw: unknown;
  };
  readonly citations?: readonly (string | { readonly url: string })[];
  readonly errors?: readonly unknown[];
  readonly invalid_sequence?: unknown;
}

/** All recordings of one protocol. */
export function recordingsOf(protocol: string): readonly Recording[] {
  if (recordingsMissing) return [];
  const manifest = readJson("MANIFEST.json") as { files: (Omit<Recording, "expected"> & { protocol: string })[] };
  const expected = readJson("expected.json") as { files: Record<string, ExpectedFile> };
  return manifest.files
    .filter((entry) => entry.protocol === protocol)
    .map((entry) => ({ ...entry, expected: expected.files[entry.file] ?? { kind: "error" } }));
}

/** The body as the provider sent it: `chunks` recordings lost their framing. */
export function bodyOf({ file, format }: Recording): Buffer {
  const bytes = readFileSync(new URL(file, FOLDER));
  if (format !== "chunks") return bytes;
  const payloads = bytes
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
  return Buffer.from(`${payloads.map((line) => `data: ${line}\n\n`).join("")}data: [DONE]\n\n`);
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
}
