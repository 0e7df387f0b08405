/** Responses, as OpenAI sends it without obfuscation. */

const ITEM = "msg_68f1c0e7a9b3d48265f1c0e7a9b3d482";

/** @type {import("./index.mjs").OpenWire} */
export function open() {
  let number = 0;
  let whole = "";
  const at = { item_id: ITEM, output_index: 0, content_index: 0 };
  const event = (type, fields) => {
    const data = JSON.stringify({ type, sequence_number: number++, ...fields });
    return `event: ${type}\ndata: ${data}\n\n`;
  };
  const part = () => ({ type: "output_text", annotations: [], logprobs: [], text: whole });
  const item = (status, content) => ({ id: ITEM, type: "message", status, content, role: "assistant" });
  const response = (status, output, usage) => ({
    id: "resp_68f1c0e7a9b3d48265f1c0e7a9b3d482",
    object: "response",
    created_at: 1_760_000_000,
    status,
    error: null,
    incomplete_details: null,
    instructions: null,
    model: "gpt-4o-mini-2024-07-18",
    output,
    parallel_tool_calls: true,
    store: false,
    temperature: 1,
    text: { format: { type: "text" }, verbosity: "medium" },
    tools: [],
    top_p: 1,
    usage,
  });
  return {
    beginning: () =>
      event("response.created", { response: response("in_progress", [], null) }) +
      event("response.in_progress", { response: response("in_progress", [], null) }) +
      event("response.output_item.added", { output_index: 0, item: item("in_progress", []) }) +
      event("response.content_part.added", { ...at, part: part() }),
    text: (delta) => {
      whole += delta;
      return event("response.output_text.delta", { ...at, delta, logprobs: [] });
    },
    ending: (pieces) => {
      const usage = {
        input_tokens: 16,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: pieces,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 16 + pieces,
      };
      const done = item("completed", [part()]);
      return (
        event("response.output_text.done", { ...at, text: whole, logprobs: [] }) +
        event("response.content_part.done", { ...at, part: part() }) +
        event("response.output_item.done", { output_index: 0, item: done }) +
        event("response.completed", { response: response("completed", [done], usage) })
      );
    },
  };
}
