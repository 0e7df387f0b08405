/** Gemini's `streamGenerateContent`: running totals in every event, CRLF line ends, no event that ends the stream. */

/** @type {import("./index.mjs").OpenWire} */
export function open() {
  let pieces = 0;
  const event = (text, more = {}) => {
    const data = {
      candidates: [{ content: { parts: [{ text }], role: "model" }, ...more, index: 0 }],
      usageMetadata: {
        promptTokenCount: 16,
        candidatesTokenCount: pieces,
        totalTokenCount: 16 + pieces,
        promptTokensDetails: [{ modality: "TEXT", tokenCount: 16 }],
      },
      modelVersion: "gemini-2.5-flash",
      responseId: "7k0aaZ3QGqWCz7IPwbPm8AE",
    };
    return `data: ${JSON.stringify(data)}\r\n\r\n`;
  };
  return {
    beginning: () => "",
    text: (text) => {
      pieces++;
      return event(text);
    },
    ending: () => event("", { finishReason: "STOP" }),
  };
}
