/** What comes over the wire: the events that the server sends, and the text that every contender must make of them. */

/**
 * Replies the server can give, by the name in their path (`/packed/v1/chat/completions`): how many pieces of text, how
 * many of them in one packet, and how far apart the packets are (0: as soon as the last one has left).
 */
export const PLANS = {
  alone: { pieces: 300, perPacket: 1, gapMs: 1 },
  packed: { pieces: 8_192, perPacket: 64, gapMs: 1 },
  /** To warm clients up: the same, as fast as they can. */
  dense: { pieces: 8_192, perPacket: 64, gapMs: 0 },
  short: { pieces: 20, perPacket: 10, gapMs: 0 },
};

/** Many replies at once (`/crowd/…`): they start together, when all are open. Each piece says when it was sent. */
export const CROWD = { streams: 1_000, pieces: 100, everyMs: 50 };

/** Every piece of a crowd's reply has this length: the time in milliseconds, to the microsecond. */
export const STAMP_LENGTH = "1700000000000.000".length;

/** Now, as a crowd's reply says it. Both processes read the same clock. */
export function stamp() {
  return (performance.timeOrigin + performance.now()).toFixed(3);
}

// The mix that models write: prose, code with quotes and line breaks, and now and then a sign that is not ASCII.
const PROSE = `Streaming means that the answer is sent while it is still being written. Instead of waiting for the whole \
reply, your program gets a small piece of text every few milliseconds and can show it at once – which is why a chat \
feels alive. Each piece arrives as an event:

\`\`\`js
for await (const chunk of stream) {
\tif (chunk.content === "\\n") continue;
\tprocess.stdout.write(chunk.content);
}
\`\`\`

1. **Latency**: the first word is there after 300 ms, not after 8 s.
2. **Memory**: nothing has to be held back; “small” pieces can be dropped as soon as they are shown.
3. **Control**: when the reader says "stop", the connection is closed and nobody pays for the rest.

The same works in every language, be it English, Français or 日本語. 🎉 So the next time you see words appear one by one, \
you know that the server did not type them for effect: it sent them as soon as it had them.

`;

/** Words with the space before them, as tokenizers cut; long words in two. */
const TOKENS = PROSE.match(/\n+|\t|`+|[ ]?[\p{L}\p{N}]{1,7}|[ ]?[^\s\p{L}\p{N}]{1,2}|\s/gu) ?? [];

/** The pieces of text of a reply. */
export function piecesOf(count) {
  return Array.from({ length: count }, (_, index) => TOKENS[index % TOKENS.length]);
}

const HEAD = {
  id: "chatcmpl-C8qYd0RMaGn4JvYxXjW0Qs7uZb3Ke",
  object: "chat.completion.chunk",
  created: 1_760_000_000,
  model: "gpt-4o-mini-2024-07-18",
  service_tier: "default",
  system_fingerprint: "fp_560af6e559",
};

function event(delta, finish_reason = null) {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason }];
  return `data: ${JSON.stringify({ ...HEAD, choices, usage: null })}\n\n`;
}

/** The first event of a reply. */
export const ROLE = event({ role: "assistant", content: "", refusal: null });

/** The event that carries one piece of text. */
export function textEvent(content) {
  return event({ content });
}

/** Everything after the text: the finish reason, the usage and the end mark. */
export function ending(pieces) {
  const usage = {
    prompt_tokens: 16,
    completion_tokens: pieces,
    total_tokens: 16 + pieces,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
  return `${event({}, "stop")}data: ${JSON.stringify({ ...HEAD, choices: [], usage })}\n\ndata: [DONE]\n\n`;
}
