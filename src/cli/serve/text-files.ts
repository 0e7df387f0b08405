/** Text files of the user, which few models take as files: the model reads their text. */

import type { ClientWrapper, ContentPart, Message } from "../../index.ts";

/**
 * Returns a client that sends text files as text, each under its name. The conversation keeps them as files. Pictures,
 * PDFs and other files are sent as they are.
 */
export function readingTextFiles(client: ClientWrapper): ClientWrapper {
  const countTokens = client.countTokens?.bind(client);
  return {
    provider: client.provider,
    model: client.model,
    defaults: client.defaults,
    sendMessage: (messages, options) => client.sendMessage(messages.map(withTexts), options),
    sendMessageStream: (messages, options) => client.sendMessageStream(messages.map(withTexts), options),
    ...(countTokens && { countTokens: (messages, options) => countTokens(messages.map(withTexts), options) }),
  };
}

function withTexts(message: Message): Message {
  if (message.role !== "user" || typeof message.content === "string" || !message.content.some(isTextFile)) {
    return message;
  }
  return { ...message, content: message.content.map((part) => (isTextFile(part) ? textOf(part) : part)) };
}

type TextFile = Extract<ContentPart, { readonly type: "file"; readonly data: unknown }>;

function isTextFile(part: ContentPart): part is TextFile {
  return part.type === "file" && "data" in part && part.mediaType.startsWith("text/");
}

function textOf({ data, filename = "file" }: TextFile): ContentPart {
  const bytes = typeof data === "string" ? Buffer.from(data, "base64") : data;
  const text = new TextDecoder().decode(bytes).trimEnd();
  return { type: "text", text: `The file ${JSON.stringify(filename)}:\n\n${text}\n\n(The end of the file.)\n\n` };
}
