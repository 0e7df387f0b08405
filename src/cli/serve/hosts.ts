/** Names and addresses of this machine. Pure. */

/**
 * Returns whether only this machine reaches a server at this address: 127.x.x.x, `::1`, `localhost` and the names below
 * it. `0.0.0.0` is not one of them.
 */
export function isOnlyLocal(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  return name === "localhost" || name.endsWith(".localhost") || name === "::1" || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** Returns the host of a `Host` header or an origin, without its port; `undefined` when it is malformed. */
export function hostNameOf(host: string): string | undefined {
  const [, name] = /^(\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i.exec(host) ?? [];
  return name;
}
