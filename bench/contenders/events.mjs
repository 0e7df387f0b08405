/** What the loops written by hand have in common: lines of text → events → pieces of text. */

/** Returns a function that takes the body's text as it comes, and the count of output tokens at the end. */
export function eventReader(onText) {
  let rest = "";
  const reader = {
    outputTokens: undefined,
    push(text) {
      rest += text;
      let start = 0;
      for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", start)) {
        readLine(rest.slice(start, end));
        start = end + 1;
      }
      rest = rest.slice(start);
    },
  };

  function readLine(line) {
    if (!line.startsWith("data: ") || line === "data: [DONE]") return;
    const chunk = JSON.parse(line.slice(6));
    const text = chunk.choices[0]?.delta.content;
    if (text) onText(text);
    if (chunk.usage) reader.outputTokens = chunk.usage.completion_tokens;
  }

  return reader;
}
