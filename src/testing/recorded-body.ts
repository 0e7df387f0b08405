/** The packets of a response as one body with its cuts, without secrets. */

/** A body, and the offsets in bytes at which it came in packets. */
interface RecordedBody {
  readonly body: string | Uint8Array;
  readonly cuts: readonly number[];
}

/** Characters without width, which the redaction overlooks: one of them marks the cuts while secrets are removed. */
const MARKS = ["\u2064", "\u2063", "\u2062", "\u2061"];

/**
 * Joins packets. A body that is valid UTF-8 becomes a string, with its cuts. Where a secret was removed,
 * a cut within it is left out, and one within a character is moved behind it.
 */
export function recordedBody(packets: readonly Uint8Array[], redact: (text: string) => string): RecordedBody {
  const bytes = joined(packets);
  const cuts = cutsOf(packets);
  const text = utf8TextOf(bytes);
  if (text === undefined) {
    const latin = new TextDecoder("latin1").decode(bytes);
    const clean = redact(latin);
    return clean === latin ? { body: bytes, cuts } : { body: clean, cuts: [] };
  }
  const clean = redact(text);
  if (clean === text) return { body: text, cuts };
  const mark = MARKS.find((candidate) => !text.includes(candidate));
  const pieces = mark === undefined ? [clean] : redact(textPieces(packets).join(mark)).split(mark);
  const body = pieces.join("");
  // A mark within an escape hides it: then the cuts are given up, not the redaction.
  if (redact(body) !== body) return { body: clean, cuts: [] };
  return { body, cuts: cutsOf(pieces.map((piece) => new TextEncoder().encode(piece))) };
}

/** Returns the text of each packet; a character that is cut belongs to the later one. */
function textPieces(packets: readonly Uint8Array[]): readonly string[] {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return packets.map((packet) => decoder.decode(packet, { stream: true }));
}

function joined(packets: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(packets.reduce((length, packet) => length + packet.length, 0));
  let at = 0;
  for (const packet of packets) {
    bytes.set(packet, at);
    at += packet.length;
  }
  return bytes;
}

/** Returns the offsets between packets that are not empty. */
function cutsOf(packets: readonly Uint8Array[]): readonly number[] {
  let at = 0;
  const ends = packets.map((packet) => {
    at += packet.length;
    return at;
  });
  return [...new Set(ends)].filter((end) => end > 0 && end < at);
}

function utf8TextOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
