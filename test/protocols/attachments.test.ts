/** An attachment given as a `data:` URL goes as its bytes, to every provider. */

import type { ContentPart } from "cloudllm";
import { expect, test } from "vitest";
import { type ClientName, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const IMAGE: ContentPart = { type: "image", url: "data:image/png;base64,AQID" };
/** As programs often write them: the URL in the place of the bytes, and a name that no server knows. */
const MISPLACED: ContentPart = { type: "image", data: "data:image/png;base64,AQID", mediaType: "image/png" };
const JPG: ContentPart = { type: "image", data: "AQID", mediaType: "image/jpg" };
const JPG_URL: ContentPart = { type: "image", url: "data:image/JPG;base64,AQID" };
const TEXT: ContentPart = { type: "file", url: "data:text/plain,Gr%C3%B6%C3%9Fe" };

test.each<[ClientName, ContentPart, object]>([
  ["claude", IMAGE, { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } }],
  ["claude", TEXT, { type: "document", source: { type: "text", media_type: "text/plain", data: "Größe" } }],
  ["openai", IMAGE, { type: "input_image", image_url: "data:image/png;base64,AQID" }],
  ["gemini", IMAGE, { inlineData: { mimeType: "image/png", data: "AQID" } }],
  ["gemini", TEXT, { inlineData: { mimeType: "text/plain", data: "R3LDtsOfZQ==" } }],
  ["openai chat", IMAGE, { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } }],
  ["ollama", IMAGE, { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } }],
  ["claude", MISPLACED, { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } }],
  ["openai", MISPLACED, { type: "input_image", image_url: "data:image/png;base64,AQID" }],
  ["gemini", MISPLACED, { inlineData: { mimeType: "image/png", data: "AQID" } }],
  ["compatible", MISPLACED, { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } }],
  ["claude", JPG, { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AQID" } }],
  ["openai", JPG, { type: "input_image", image_url: "data:image/jpeg;base64,AQID" }],
  ["gemini", JPG_URL, { inlineData: { mimeType: "image/jpeg", data: "AQID" } }],
  ["compatible", JPG, { type: "image_url", image_url: { url: "data:image/jpeg;base64,AQID" } }],
])("%s: %j", async (client, part, due) => {
  const { body } = await recorder.sent(client, "m", [{ role: "user", content: [part] }]);
  const [turn] = (body.messages ?? body.input ?? body.contents) as { content?: object[]; parts?: object[] }[];
  expect(turn?.content ?? turn?.parts).toEqual([due]);
});

test.each<[ContentPart]>([
  [{ type: "file", url: "data:text/plain,%E0" }],
  [{ type: "file", data: "not base64!", mediaType: "text/plain" }],
])("what cannot be read is a mistake: %j", async (part) => {
  const failure = recorder.sent("claude", "m", [{ role: "user", content: [part] }]);
  await expect(failure).rejects.toMatchObject({ kind: "invalidRequest", provider: "anthropic" });
});
