/** Event streams as tests read them. */

/** The blocks of an event stream as they arrive, each without its blank line. */
export async function* blocksOf(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let [rest, last] = ["", ""];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const text = last + decoder.decode(value, { stream: true });
    rest += text.slice(last.length);
    last = text.slice(-1);
    if (!text.includes("\n\n")) continue; // an event of megabytes is looked through once
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    yield* blocks;
  }
}
