/** Removes secrets from texts, in any spelling that a server repeats. */

import type { MessageChunk } from "../contract/chunk.ts";
import { base64Of } from "../platform/base64.ts";
import { mapTexts, someText } from "../platform/text-of.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import { hasBytesInName, type Reading, unescaped, withoutByteLists, withoutGaps } from "./text-readings.ts";

/** Shorter than any key. A shorter secret would also remove other text from messages. */
const MIN_SECRET_LENGTH = 8;

/** Half of a key of this length gives the key away; a cut text may hold half a key. */
const LONG_SECRET = 16;

/** Headers that contain no secret. */
const PUBLIC_HEADERS = [
  "content-type",
  "anthropic-version",
  "anthropic-beta",
  "openai-beta",
  "openai-version",
  "accept",
  "user-agent",
  "http-referer",
  "x-title",
];

/**
 * Names of fields that hold secrets, and of objects whose fields do, in lower case: V8 compiles an expression with `i`
 * several times as long, and this one before the first token of a process.
 */
const SECRET_FIELDS = /key|token|secret|passw|authorization|credential|cookie|^headers$/;

/** Whether a header of this name, in lower case, carries a secret. */
export function isSecretHeader(name: string): boolean {
  return !PUBLIC_HEADERS.includes(name) && SECRET_FIELDS.test(name);
}

/** Maximum number of layers of escapes. */
const MAX_ESCAPES = 3;

/** Texts up to this length are remembered as clean, up to this number. Most are names that each reply repeats. */
const MAX_NAME_LENGTH = 32;
const MAX_CLEAN_NAMES = 256;

/** The redactions of a client's calls. Most calls have the same secrets; their spellings are computed once. */
export class Redactions {
  #last: { readonly headers: HeaderFields; readonly redact: (text: string) => string } | undefined;

  /** @see redactionOf */
  of(headers: HeaderFields, fields?: unknown): (text: string) => string {
    if (fields !== undefined) return redactionOf(headers, fields);
    if (!this.#last || !isSame(this.#last.headers, headers)) this.#last = { headers, redact: redactionOf(headers) };
    return this.#last.redact;
  }
}

type HeaderFields = Readonly<Record<string, string>>;

function isSame(one: HeaderFields, two: HeaderFields): boolean {
  if (one === two) return true;
  const names = Object.keys(one);
  return names.length === Object.keys(two).length && names.every((name) => one[name] === two[name]);
}

/**
 * Returns a function that removes the secrets of a request from text of others: a server may repeat the request. It
 * finds them in upper and lower case, URL-encoded, with the escapes of JSON, HTML and shells (also one within the
 * other), in base64 (of UTF-8 or UTF-16, also as a part of the encoded text, also encoded twice), in hex, and as a list
 * of bytes.
 * @param fields the caller's fields in addition to the key, which may contain keys of other servers: `providerOptions`
 */
function redactionOf(headers: Readonly<Record<string, string>>, fields?: unknown): (text: string) => string {
  let spellings: readonly Spelling[] | undefined;
  let shortest = 0;
  const clean = new Set<string>();
  return (text) => {
    // The first test spares most names and words the look-up, which hashes them.
    if (text.length < shortest || clean.has(text)) return text;
    if (spellings === undefined) {
      spellings = spellingsOf([...secretsInHeaders(headers), ...secretsIn(fields, false)]);
      shortest = spellings[0]?.beginning.length ?? Number.POSITIVE_INFINITY;
    }
    const found = withoutSpellings(text, spellings);
    if (found === text && text.length <= MAX_NAME_LENGTH) {
      if (clean.size === MAX_CLEAN_NAMES) clean.clear();
      clean.add(text);
    }
    return found;
  };
}

function secretsInHeaders(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (PUBLIC_HEADERS.includes(name)) return [];
    const credentials = withoutScheme(value);
    if (!isSecretHeader(name)) return [credentials];
    // Its other words are names of headers and of the service.
    if (value.startsWith("AWS4-"))
      return [...value.matchAll(/(?:Credential|Signature)=(\w+)/g)].map(([, one = ""]) => one);
    // The values of a cookie, and the parameters of a scheme that has several.
    const parts = PLAIN.test(credentials)
      ? []
      : value.split(/[\s;,]+/).map((part) => part.replace(/^[^=]*=(?=.)/, "").replace(/^"|"$/g, ""));
    return [credentials, ...parts, ...passwordsIn(credentials)];
  });
}

/** Returns the text after `Bearer` or `Basic`. */
function withoutScheme(value: string): string {
  return value.replace(/^\S+ (?=\S+$)/, "");
}

/** Returns user and password of Basic credentials. */
function passwordsIn(credentials: string): readonly string[] {
  if (NOT_BASE64.test(credentials)) return []; // V8 takes 1 ms to make the first error of `atob`
  try {
    const text = atob(credentials);
    if (!/^[\x20-\x7e]*:[\x20-\x7e]*$/.test(text)) return [];
    return [text, text.slice(text.indexOf(":") + 1)];
  } catch {
    return []; // not base64
  }
}

const NOT_BASE64 = /[^A-Za-z\d+/=\s]/;

function secretsIn(value: unknown, isSecret: boolean): readonly string[] {
  if (typeof value === "string") return isSecret ? [withoutScheme(value)] : secretsInUrl(value);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    secretsIn(inner, isSecret || SECRET_FIELDS.test(name.toLowerCase())),
  );
}

function secretsInUrl(text: string): readonly string[] {
  if (!/^https?:/i.test(text) || !URL.canParse(text)) return [];
  const { password, searchParams } = new URL(text);
  return [password, ...searchParams.values()];
}

/** Returns each secret, plain and encoded, in lower case, by the length of the beginnings. */
function spellingsOf(secrets: readonly string[]): readonly Spelling[] {
  const long = [...new Set(secrets)].filter((secret) => secret.length >= MIN_SECRET_LENGTH);
  const encoded = new Set(long.flatMap((secret) => [secret, encodeURIComponent(secret.toWellFormed())]));
  const spellings = new Set([...encoded].flatMap((secret) => [secret, ...encodingsOf(secret)]).map(lowered));
  const ends = long.filter((secret) => secret.length >= LONG_SECRET).map((secret) => lowered(endOf(secret)));
  return [
    ...[...spellings].map((spelling) => ({ spelling, beginning: beginningOf(spelling) })),
    ...ends.map((spelling) => ({ spelling, beginning: spelling })),
  ].sort((one, other) => one.beginning.length - other.beginning.length);
}

/** Returns a secret in base64 and hex: of its UTF-8, and of UTF-16 in both orders of bytes. */
function encodingsOf(secret: string): readonly string[] {
  const bytes = new TextEncoder().encode(secret);
  const [little, big] = [utf16Of(secret, true), utf16Of(secret, false)];
  const base64 = [bytes, little, big].flatMap(base64In);
  const urlSafe = base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"));
  // Credentials of a registry are base64 in a file that is base64.
  const twice = base64In(bytes).flatMap((text) => base64In(new TextEncoder().encode(text)));
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [...base64, ...urlSafe, ...twice, hex, secret.replaceAll(" ", "+")];
}

function utf16Of(text: string, isLittleEndian: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * text.length));
  for (let at = 0; at < text.length; at++) view.setUint16(2 * at, text.charCodeAt(at), isLittleEndian);
  return new Uint8Array(view.buffer);
}

/**
 * Returns bytes in base64. It depends on their place in the encoded text: three spellings, each without the characters
 * that the neighbours share.
 */
function base64In(bytes: Uint8Array): readonly string[] {
  return [0, 1, 2].map((shift) => {
    const shifted = new Uint8Array(bytes.length + shift);
    shifted.set(bytes, shift);
    const from = Math.ceil((shift * 8) / 6);
    return base64Of(shifted).slice(from, Math.floor((shifted.length * 8) / 6));
  });
}

const NOT_ASCII = /[^\0-\x7f]/;

/** Lower case for ASCII only: the length stays the same. */
function lowered(text: string): string {
  if (!NOT_ASCII.test(text)) return text.toLowerCase();
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Returns the other half, which some servers show to identify the key. */
function endOf(secret: string): string {
  return secret.slice(Math.floor(secret.length / 2));
}

function beginningOf(secret: string): string {
  return secret.length < LONG_SECRET ? secret : secret.slice(0, Math.ceil(secret.length / 2));
}

/** One spelling of a secret, and the beginning of it that gives the secret away. */
interface Spelling {
  readonly spelling: string;
  readonly beginning: string;
}

/** Text without gaps, escapes and letters beyond ASCII has one reading. Names and ids are such text. */
const PLAIN = /^[\w.:-]*$/;

function withoutSpellings(text: string, spellings: readonly Spelling[]): string {
  if (PLAIN.test(text) && !hasBytesInName(text)) {
    if (!hasSpelling(text.toLowerCase(), spellings)) return text;
  }
  const found: [from: number, to: number][] = [];
  const same = (index: number) => index;
  let reading: Reading | undefined = { text, places: same, ends: same };
  for (let escapes = 0; reading && escapes <= MAX_ESCAPES; escapes++) {
    found.push(...spellingsIn(reading, spellings));
    const joined: Reading | undefined = withoutGaps(reading, (text) => hasSpelling(lowered(text), spellings));
    if (joined) found.push(...spellingsIn(joined, spellings));
    for (const bytes of withoutByteLists(reading)) found.push(...spellingsIn(bytes, spellings));
    reading = unescaped(reading);
  }
  if (found.length === 0) return text;
  let clean = "";
  let done = 0;
  for (const [from, to] of found.sort(([a], [b]) => a - b)) {
    if (from >= done) clean += `${text.slice(done, from)}[key]`;
    done = Math.max(done, to);
  }
  return clean + text.slice(done);
}

function hasSpelling(lower: string, spellings: readonly Spelling[]): boolean {
  for (const { beginning } of spellings) {
    if (beginning.length > lower.length) return false;
    if (lower.includes(beginning)) return true;
  }
  return false;
}

/** Returns the places of the spellings in the text that was read. */
function spellingsIn({ text, places, ends }: Reading, spellings: readonly Spelling[]): [from: number, to: number][] {
  const found: [from: number, to: number][] = [];
  const lower = lowered(text);
  for (const { spelling, beginning } of spellings) {
    for (let at = lower.indexOf(beginning); at >= 0; ) {
      let end = at + beginning.length;
      while (end - at < spelling.length && lower[end] === spelling[end - at]) end++;
      found.push([places(at), ends(end)]);
      at = lower.indexOf(beginning, end);
    }
  }
  return found;
}

/**
 * Redacts the names and ids that a provider gives to its reply and to the calls in it. It reads a chunk's type, and no
 * other text.
 */
export class NameRedaction {
  readonly #redact: (text: string) => string;
  /** The last names, redacted: most reads bring the same names. */
  readonly #seen: { model?: string; id?: string; rawFinishReason?: string } = {};
  #lastCall: { readonly id: string; readonly clean: string } | undefined;
  #foundAny = false;

  constructor(redact: (text: string) => string) {
    this.#redact = (text) => {
      const clean = redact(text);
      this.#foundAny ||= clean !== text;
      return clean;
    };
  }

  /**
   * Redacts `facts` and `chunks` in place. Text that returns to the provider is checked only where a name contained a
   * secret.
   */
  apply(facts: Pick<ReplyFacts, "id" | "model" | "rawFinishReason" | "replay">, chunks: MessageChunk[]): void {
    const seen = this.#seen;
    if (facts.model !== seen.model) seen.model = facts.model = this.#redact(facts.model);
    if (facts.id !== undefined && facts.id !== seen.id) seen.id = facts.id = this.#redact(facts.id);
    const { rawFinishReason: reason } = facts;
    if (reason !== undefined && reason !== seen.rawFinishReason) {
      seen.rawFinishReason = facts.rawFinishReason = this.#redact(reason);
    }
    for (let at = 0; at < chunks.length; at++) {
      const chunk = chunks[at];
      if (chunk !== undefined && chunk.type !== "text") chunks[at] = this.#cleaned(chunk);
    }
    if (this.#foundAny && facts.replay) facts.replay = mapTexts(facts.replay, this.#redact);
  }

  /** Redacts the provider's counts: they enter the lists of attempts and, as the provider sent them, `usage.raw`. */
  applyToUsage(facts: Pick<ReplyFacts, "usage" | "serviceTier">): void {
    if (facts.serviceTier !== undefined) facts.serviceTier = this.#redact(facts.serviceTier);
    const { usage } = facts;
    if (!usage) return;
    if (someText(usage, (text) => this.#redact(text) !== text)) facts.usage = mapTexts(usage, this.#redact);
  }

  #cleaned(chunk: MessageChunk): MessageChunk {
    switch (chunk.type) {
      case "toolCall":
        return { ...chunk, toolCall: this.#named(chunk.toolCall) };
      case "toolCallDelta":
        return this.#named(chunk);
      case "providerToolCall":
        return { ...chunk, providerToolCall: this.#named(chunk.providerToolCall) };
      default:
        return chunk;
    }
  }

  #named<Named extends { readonly name: string; readonly id?: string | undefined }>(value: Named): Named {
    const name = this.#redact(value.name);
    const id = this.#idOf(value.id);
    return name === value.name && id === value.id ? value : { ...value, name, ...(id !== undefined && { id }) };
  }

  /** Redacts the id of a call, which all its pieces have. */
  #idOf(id: string | undefined): string | undefined {
    if (id === undefined) return undefined;
    if (this.#lastCall?.id === id) return this.#lastCall.clean;
    const clean = this.#redact(id);
    this.#lastCall = { id, clean };
    return clean;
  }
}
