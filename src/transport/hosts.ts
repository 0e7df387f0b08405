/** The network of an address, by its name alone: there is no lookup. */

/** Whether an address is this computer's own. `0.0.0.0` counts: servers print it as the address they listen on. */
export function isLoopback(hostname: string): boolean {
  const name = withoutFinalDot(hostname);
  if (name.startsWith("[")) return /^\[(?:::1?|::ffff:(?:7f[\da-f]{2}:[\da-f]{1,4}|0:0))\]$/.test(name);
  if (name.startsWith("127.")) return /^127(?:\.\d+){3}$/.test(name);
  return name === "localhost" || name === "0.0.0.0" || name.endsWith(".localhost");
}

/**
 * Whether an address is in one of the caller's own networks: loopback, link-local, private and shared (CGNAT) ranges,
 * names of one label, and the endings `.local`, `.internal` and `.home.arpa`.
 * @param hostname in the form of `URL.hostname`
 * @see https://www.rfc-editor.org/rfc/rfc1918, https://www.rfc-editor.org/rfc/rfc4193,
 * https://www.rfc-editor.org/rfc/rfc6598
 */
export function isPrivateNetwork(hostname: string): boolean {
  const name = withoutFinalDot(hostname);
  if (isLoopback(name)) return true;
  if (name.startsWith("[")) {
    const mapped = /^\[::ffff:([\da-f]{1,4}):([\da-f]{1,4})\]$/.exec(name); // IPv4 inside IPv6, as URL writes it
    if (mapped) return isPrivateAddress(octetsOf(mapped[1], mapped[2]));
    return /^\[f(?:[cd][\da-f]{2}|e[89ab][\da-f]):/.test(name);
  }
  if (/^\d+(\.\d+){3}$/.test(name)) return isPrivateAddress(name.split(".").map(Number));
  return !name.includes(".") || /\.(local|internal|home\.arpa)$/.test(name);
}

/** Returns the name without the dot that ends a complete name. */
function withoutFinalDot(hostname: string): string {
  return hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
}

function octetsOf(...groups: readonly (string | undefined)[]): readonly number[] {
  return groups.flatMap((group = "0") => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function isPrivateAddress([a = 0, b = 0]: readonly number[]): boolean {
  return (
    a === 10 ||
    a === 127 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b < 128)
  );
}
