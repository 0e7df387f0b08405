/** Keeps secrets out of errors. */

/** Shorter than any key; of a shorter one, more than the key would vanish from messages. */
const SHORTEST_SECRET = 8;

/** Of a key that is as long as this, half gives it away: where a text was cut, a key may have been. */
const LONG_SECRET = 16;

/** Says nothing that is secret. */
const PUBLIC_HEADERS = /^(accept|content-type|user-agent|http-referer|x-title|(anthropic|openai)-(version|beta))$/;

/** Takes the secrets of a request out of text that others wrote: a server may echo the key it was sent. */
export function withoutSecrets(text: string, headers: Readonly<Record<string, string>>): string {
  let clean = text;
  for (const [name, value] of Object.entries(headers)) {
    if (PUBLIC_HEADERS.test(name)) continue;
    clean = withoutSecret(clean, value.replace(/^\S+ (?=\S+$)/, "")); // what follows `Bearer` or `Basic`
  }
  return clean;
}

function withoutSecret(text: string, secret: string): string {
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

/** Causes have causes; somebody's may go in a circle. */
const MOST_CAUSES = 10;

/** What an error says of itself, without the objects that its maker hung on it: the request, with its headers, may be one. */
export function plainCause(cause: unknown, redact: (text: string) => string, left: number = MOST_CAUSES): unknown {
  if (!(cause instanceof Error)) return redact(String(cause));
  const isLast = cause.cause === undefined || left === 0;
  const inner = isLast ? undefined : { cause: plainCause(cause.cause, redact, left - 1) };
  const plain = new Error(redact(cause.message), inner);
  plain.name = cause.name;
  plain.stack = redact(cause.stack ?? "");
  return "code" in cause && typeof cause.code === "string" ? Object.assign(plain, { code: cause.code }) : plain;
}
