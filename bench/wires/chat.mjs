/** Chat Completions, as OpenAI sends it. */

const HEAD = {
  id: "chatcmpl-C8qYd0RMaGn4JvYxXjW0Qs7uZb3Ke",
  object: "chat.completion.chunk",
  created: 1_760_000_000,
  model: "gpt-4o-mini-2024-07-18",
  service_tier: "default",
  system_fingerprint: "fp_560af6e559",
};

/** @type {import("./index.mjs").OpenWire} */
export function open() {
  return {
    beginning: () => event({ role: "assistant", content: "", refusal: null }),
    text: (content) => event({ content }),
    ending: (pieces) => {
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
    },
  };
}

function event(delta, finish_reason = null) {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason }];
  return `data: ${JSON.stringify({ ...HEAD, choices, usage: null })}\n\n`;
}
