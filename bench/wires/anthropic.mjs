/** Anthropic Messages. */

/** @type {import("./index.mjs").OpenWire} */
export function open() {
  return {
    beginning: () => {
      const usage = {
        input_tokens: 16,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens: 1,
        service_tier: "standard",
      };
      const message = {
        model: "claude-haiku-4-5-20251001",
        id: "msg_01XFDUDYJgAACzvnptvVoYEL",
        type: "message",
        role: "assistant",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage,
      };
      return (
        event("message_start", { message }) +
        event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }) +
        event("ping", {})
      );
    },
    text: (text) => event("content_block_delta", { index: 0, delta: { type: "text_delta", text } }),
    ending: (pieces) =>
      event("content_block_stop", { index: 0 }) +
      event("message_delta", {
        delta: { stop_reason: "end_turn", stop_sequence: null },
        usage: {
          input_tokens: 16,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 0,
          output_tokens: pieces,
        },
      }) +
      event("message_stop", {}),
  };
}

/** Blanks before the last brace, as many as the event's length gives: the provider pads its events. */
function event(type, fields) {
  const json = JSON.stringify({ type, ...fields });
  return `event: ${type}\ndata: ${json.slice(0, -1)}${" ".repeat(json.length % 7)}}\n\n`;
}
