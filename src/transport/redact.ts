/** Keeps secrets out of errors. */

import { wordsOf } from "../words.ts";

/** Shorter than any key; of a shorter one, more than the key would vanish from messages. */
const SHORTEST_SECRET = 8;

/** Of a key that is as long as this, half gives it away: where a text was cut, a key may have been. */
const LONG_SECRET = 16;

/** Say nothing that is secret. */
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

/** Names of fields that hold secrets, and of those whose fields do. */
const SECRET_FIELDS = /key|token|secret|passw|authorization|credential|cookie|^headers$/i;

/**
 * Takes the secrets of a request out of text that others wrote: a server may echo what it was sent.
 * @param fields what the caller gave beside the key, perhaps with the keys of other servers in it: `providerOptions`
 */
export function withoutSecrets(text: string, headers: Readonly<Record<string, string>>, fields?: unknown): string {
  let clean = text;
  for (const [name, value] of Object.entries(headers)) {
    if (!PUBLIC_HEADERS.includes(name)) clean = withoutSecret(clean, value);
  }
  for (const secret of secretsIn(fields, false)) clean = withoutSecret(clean, secret);
  return clean;
}

function secretsIn(value: unknown, isSecret: boolean): readonly string[] {
  if (typeof value === "string") return isSecret ? [value] : secretsInUrl(value);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => secretsIn(inner, isSecret || SECRET_FIELDS.test(name)));
}

function secretsInUrl(text: string): readonly string[] {
  if (!/^https?:/i.test(text) || !URL.canParse(text)) return [];
  const { password, searchParams } = new URL(text);
  return [password, ...searchParams.values()];
}

function withoutSecret(text: string, value: string): string {
  const secret = value.replace(/^\S+ (?=\S+$)/, ""); // what follows `Bearer` or `Basic`
  if (secret.length < SHORTEST_SECRET) return text;
  const begin = secret.length < LONG_SECRET ? secret : secret.slice(0, Math.ceil(secret.length / 2));
  let clean = "";
  let from = 0;
  for (let at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, from)) {
    clean += `${text.slice(from, at)}[key]`;
    from = at + begin.length;
    while (from - at < secret.length && text[from] === secret[from - at]) from++;
  }
  return clean + text.slice(from);
}

/** Causes have causes, and may lead back to themselves. */
const DEEPEST_CAUSE = 8;

/** What an error says of itself, without the objects that its maker hung on it: the request, with its headers, may be one. */
export function plainCause(cause: unknown, redact: (text: string) => string, depth: number = DEEPEST_CAUSE): unknown {
  if (!(cause instanceof Error)) return redact(wordsOf(cause));
  const isLast = cause.cause === undefined || depth === 0;
  const inner = isLast ? undefined : { cause: plainCause(cause.cause, redact, depth - 1) };
  const plain = new Error(redact(wordsOf(cause.message)), inner);
  plain.name = wordsOf(cause.name);
  plain.stack = redact(wordsOf(cause.stack ?? ""));
  return "code" in cause && typeof cause.code === "string" ? Object.assign(plain, { code: redact(cause.code) }) : plain;
}
