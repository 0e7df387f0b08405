/** Requests to the strict loopback server. */

export const HI: object = { role: "user", content: "hi" };

export const MESSAGES: string = "/v1/messages";

export const reasoning: object = {
  type: "reasoning",
  id: "rs",
  summary: [{ type: "summary_text", text: "Hm." }],
  encrypted_content: "?",
};

export const model = (...parts: unknown[]): object => ({ role: "model", parts });
