/** What the loops written by hand have in common: lines of text → events → pieces of text. */

/** Returns a function that takes the body's text as it comes and calls `read` with each event. */
export function eventReader(read) {
  let rest = "";
  return (text) => {
    rest += text;
    let start = 0;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", start)) {
      const line = rest.slice(start, end);
      if (line.startsWith("data: ") && line !== "data: [DONE]") read(JSON.parse(line.slice(6)));
      start = end + 1;
    }
    rest = rest.slice(start);
  };
}

/** The loop that anyone would write: `fetch`, a TextDecoder, lines, `JSON.parse`. */
export async function fetchEvents(url, headers, body, read) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const decoder = new TextDecoder();
  const push = eventReader(read);
  for await (const bytes of response.body) push(decoder.decode(bytes, { stream: true }));
}
