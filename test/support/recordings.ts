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
  readonly protocol: string;
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
  readonly tool_calls: readonly {
    readonly id: string | null;
    readonly name: string;
    readonly args: unknown;
    readonly args_raw?: string;
    readonly args_error?: boolean;
  }[];
  readonly finish?: { readonly raw: string | { readonly status: string; readonly incomplete: string | null } | null };
  readonly usage?: {
    readonly input: number | null;
    readonly output: number | null;
    readonly total: number | null;
    readonly raw: unknown;
  };
  readonly citations?: readonly (string | { readonly url: string })[];
  readonly signatures?: readonly string[];
  readonly errors?: readonly unknown[];
  readonly invalid_sequence?: unknown;
}

/** All recordings of one protocol. */
export function recordingsOf(protocol: string): readonly Recording[] {
  if (recordingsMissing) return [];
  const manifest = readJson("MANIFEST.json") as { files: Omit<Recording, "expected">[] };
  const expected = readJson("expected.json") as { files: Record<string, ExpectedFile> };
  return manifest.files
    .filter((entry) => entry.protocol === protocol)
    .map((entry) => ({ ...entry, expected: expected.files[entry.file] ?? { kind: "error" } }));
}

/** The bodies as the provider sent them, one for each reply; `chunks` recordings lost their framing. */
export function bodiesOf(recording: Recording): readonly Buffer[] {
  const { file, format, protocol, expected } = recording;
  const bytes = readFileSync(new URL(file, FOLDER));
  if (format === "recording") {
    const { interactions } = JSON.parse(bytes.toString("utf8")) as TestProxyRecording;
    return interactions.map(({ response }) =>
      Buffer.from(response.bodySegments.map((segment) => `data: ${JSON.stringify(segment)}\r\n\r\n`).join("")),
    );
  }
  if (format !== "chunks") return [bytes];
  const payloads = bytes
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
  const replies = (expected.responses?.length ?? 1) > 1 ? splitReplies(payloads) : [payloads];
  const end = protocol === "openai-chat" ? "data: [DONE]\n\n" : "";
  const named = protocol === "openai-responses" || protocol === "anthropic-messages";
  return replies.map((lines) =>
    Buffer.from(lines.map((line) => `${named ? eventLineOf(line) : ""}data: ${line}\n\n`).join("") + end),
  );
}

/** Google's test proxy writes down requests and replies, data payloads parsed. */
interface TestProxyRecording {
  readonly interactions: readonly { readonly response: { readonly bodySegments: readonly unknown[] } }[];
}

/** Several replies in one file: each begins with the event that begins a reply. */
function splitReplies(payloads: readonly string[]): readonly (readonly string[])[] {
  const replies: string[][] = [];
  for (const line of payloads) {
    const type = typeOf(line);
    if (type === "message_start" || type === "response.created") replies.push([]);
    replies.at(-1)?.push(line);
  }
  return replies;
}

function eventLineOf(line: string): string {
  const type = typeOf(line);
  return type === undefined ? "" : `event: ${type}\n`;
}

function typeOf(line: string): string | undefined {
  try {
    return (JSON.parse(line) as { readonly type?: string }).type;
  } catch {
    return undefined;
  }
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
}
