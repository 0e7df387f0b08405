/** Bytes → text, cut anywhere. */

/**
 * A streaming UTF-8 decoder. Bad bytes become U+FFFD. The byte order mark is kept: only the framing knows where a stream
 * begins, and `TextDecoder` would drop one from the middle.
 */
export function createUtf8Decoder(): (bytes: Uint8Array) => string {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return (bytes) => decoder.decode(bytes, { stream: true });
}
