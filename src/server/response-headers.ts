/** Headers that are added to a response: one of a hook may have headers that cannot be changed. */

export function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  const added = Object.entries(headers);
  if (added.length === 0) return response;
  const { body, status, statusText } = response;
  const all = new Headers(response.headers);
  for (const [name, value] of added) all.set(name, value);
  return new Response(body, { status, statusText, headers: all });
}
