/** What the server answers: how much, at what pace, and the text that every contender must make of it. */
import { isCheck } from "./durations.mjs";

/**
 * Replies the server can give, by the name in their path (`/packed.chat/v1/chat/completions`: the plan, and the wire format): how many pieces of text, how
 * many of them in one packet, and how far apart the packets are (0: as soon as the last one has left).
 */
export const PLANS = {
  alone: { pieces: 300, perPacket: 1, gapMs: 1 },
  packed: { pieces: 8_192, perPacket: 64, gapMs: 1 },
  /** To warm clients up: the same, as fast as they can. */
  dense: { pieces: 8_192, perPacket: 64, gapMs: 0 },
  short: { pieces: 20, perPacket: 10, gapMs: 0 },
};

/** Many replies at once (`/crowd.chat/…`): they start together, when all are open. Each piece says when it was sent. */
export const CROWD = { streams: isCheck ? 20 : 1_000, pieces: isCheck ? 5 : 100, everyMs: 50 };

/** The same for a relay, at the pace of a slow model (`/audience.chat/…`). One reply more, asked for last, starts them. */
export const AUDIENCE = { streams: 1_001, pieces: 20, everyMs: 1_000, patienceMs: 120_000 };

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
