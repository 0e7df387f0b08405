/** Keeps secrets out of errors. */

/** Shorter than any key; of a shorter one, more than the key would vanish from messages. */
const SHORTEST_SECRET = 8;

/**
 * Takes the secrets of a request out of text that others wrote: a server may echo the key it was sent.
 * @param known headers among them that say the same to everybody, such as the protocol's version
 */
export function withoutSecrets(
  text: string,
  headers: Readonly<Record<string, string>>,
  known: Readonly<Record<string, string>> = {},
): string {
  let clean = text;
  for (const [name, value] of Object.entries(headers)) {
    if (name === "content-type" || known[name] === value) continue;
    const secret = value.replace(/^Bearer /i, "");
    if (secret.length >= SHORTEST_SECRET) clean = clean.replaceAll(secret, "[key]");
  }
  return clean;
}

/** What an error says of itself, without the objects that its maker hung on it: the request, with its headers, may be one. */
export function plainCause(cause: unknown, redact: (text: string) => string): unknown {
  if (!(cause instanceof Error)) return redact(String(cause));
  const inner = cause.cause === undefined ? undefined : { cause: plainCause(cause.cause, redact) };
  const plain = new Error(redact(cause.message), inner);
  plain.name = cause.name;
  plain.stack = redact(cause.stack ?? "");
  return "code" in cause && typeof cause.code === "string" ? Object.assign(plain, { code: cause.code }) : plain;
}
