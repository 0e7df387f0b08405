/** Pictures and sounds of a reply go back with the next request, each as its provider takes it. */

import type { AssistantMessage, Media, Message, SendError } from "cloudllm";
import { describe, expect, test } from "vitest";
import {
  ASK,
  type Case,
  CLIENTS,
  type ClientName,
  caseOf,
  completeParts,
  delta,
  image,
  PNG,
  parts,
  pcm,
  provider,
  read,
  stop,
} from "./media-cases.ts";

/** The messages of the next request, after a reply of this case. */
async function nextRequest(given: Case, change: (message: AssistantMessage) => Message = (message) => message) {
  await using server = await provider(given);
  const { message } = await read(server.client);
  await server.client.sendMessage([...ASK, change(message), { role: "user", content: "again" }]);
  const body = server.bodies()[1] ?? {};
  return (body.messages ?? body.input ?? body.contents) as readonly Record<string, unknown>[];
}

describe("what a model drew or said goes back", () => {
  test("to OpenRouter as `images` of its turn", async () => {
    const [, turn, user] = await nextRequest(caseOf("OpenRouter: a picture as a data URL"));
    expect(turn).toEqual({ role: "assistant", content: "", images: [image(`data:image/png;base64,${PNG}`)] });
    expect(user).toEqual({ role: "user", content: "again" });
  });

  test("to another Chat Completions server in the user's next turn", async () => {
    const [, turn, user] = await nextRequest(caseOf("a compatible server that tells its pictures again with the end"));
    expect(turn).toEqual({ role: "assistant", content: "[picture 1 (image/png)]" });
    expect(user).toEqual({
      role: "user",
      content: [
        { type: "text", text: "[picture 1, made earlier:]" },
        image(`data:image/png;base64,${PNG}`),
        { type: "text", text: "again" },
      ],
    });
  });

  test.each<[string, ClientName]>([
    ["Claude", "claude"],
    ["Responses", "openai"],
    ["Chat Completions", "compatible"],
    ["Gemini", "gemini"],
  ])("to %s as a JPEG, also where its model named the type image/jpg", async (_who, name) => {
    const turn: Message = { role: "assistant", content: "", media: [{ mediaType: "image/jpg", data: "AQID" }] };
    let sent = "";
    const fetch: typeof globalThis.fetch = async (_url, init) => {
      sent = String(init?.body);
      return new Response("{}", { status: 400 });
    };
    const client = CLIENTS[name]({ apiKey: "k", model: "m", baseUrl: "http://127.0.0.1:9", fetch });
    const again: Message = { role: "user", content: "again" };
    await expect(client.sendMessage([...ASK, turn, again])).rejects.toMatchObject({ status: 400 });
    expect(sent).toContain("image/jpeg");
    expect(sent).not.toContain("image/jpg");
  });

  test("to Chat Completions by the id of the sound while that holds, and as its words after that", async () => {
    const sound = caseOf("OpenAI Chat Completions: sound in pieces");
    const [, turn] = await nextRequest(sound);
    expect(turn).toEqual({ role: "assistant", audio: { id: "audio_1" } });
    const old = { id: "audio_1", data: pcm(0, 20), expires_at: 1_000_000_000, transcript: "Hello there" };
    const [, words] = await nextRequest({
      ...sound,
      events: [delta({ content: null, audio: old }), delta({}, "stop")],
    });
    expect(words).toEqual({ role: "assistant", content: "Hello there" });
    const [, edited] = await nextRequest(sound, (message) => ({ ...message, content: "Hello you" }));
    expect(edited).toEqual({ role: "assistant", content: "Hello you" });
  });

  test("to Responses as its item, with the four fields that requests take", async () => {
    const [, item, text] = await nextRequest(caseOf("Responses: a picture after two previews"));
    expect(item).toEqual({ type: "image_generation_call", id: "ig_1", status: "completed", result: PNG });
    expect(text).toMatchObject({ type: "message", role: "assistant" });
  });

  test("to Responses in the user's next turn when its item cannot go back", async () => {
    const given = caseOf("Responses: a picture after two previews");
    const input = await nextRequest(given, ({ replay: _replay, ...message }) => message);
    expect(JSON.stringify(input)).not.toContain("image_generation_call");
    expect(input.at(-1)).toMatchObject({
      role: "user",
      content: [
        { type: "input_text" },
        { type: "input_image", image_url: `data:image/webp;base64,${PNG}` },
        { type: "input_text", text: "again" },
      ],
    });
  });

  test("to Gemini as the same part with its signature, in its place", async () => {
    const [, turn] = await nextRequest(caseOf("Gemini: a picture between texts"));
    expect(turn).toEqual({
      role: "model",
      parts: [
        { text: "Here " },
        { inlineData: { mimeType: "image/png", data: PNG }, thoughtSignature: "s1" },
        { text: "it is." },
      ],
    });
  });

  test("to Gemini under the type its sound came with, as one part", async () => {
    const [, turn] = await nextRequest(caseOf("Gemini: sound in pieces"));
    expect(turn).toEqual({
      role: "model",
      parts: [{ inlineData: { mimeType: "audio/L16;codec=pcm;rate=16000", data: pcm(0, 20) } }],
    });
  });

  test("to Gemini without older pictures when all would be too large for a request", async () => {
    const large = `iVBORw0KGgo${"A".repeat(10_000_001)}`;
    const part = { inlineData: { mimeType: "image/png", data: large } };
    const given: Case = { client: "gemini", events: [parts(part), stop], whole: completeParts(part), media: [] };
    await using server = await provider(given);
    const { message } = await read(server.client);
    const next: Message = { role: "user", content: "again" };
    await server.client.sendMessage([
      ...ASK,
      message,
      next,
      { ...message, media: [...(message.media ?? [])].map((each) => ({ ...each })) },
      next,
    ]);
    const contents = server.bodies()[1]?.contents as readonly { parts: readonly object[] }[];
    expect(contents[1]?.parts).toEqual([{ text: expect.stringContaining("left out") }]);
    expect(contents[3]?.parts).toEqual([part]);
  });
});

const OTHERS = Object.keys(CLIENTS) as ClientName[];

describe.each(OTHERS)("a picture another provider made, sent to %s", (client) => {
  const drawn: Message = { role: "assistant", content: "", media: [{ mediaType: "image/png", data: PNG }] };
  const given: Case = { client, events: [], whole: {}, media: [] };

  async function sentWith(turn: Message): Promise<string> {
    await using server = await provider(given);
    await server.client.sendMessage([...ASK, turn, { role: "user", content: "again" }]).catch((error: SendError) => {
      if (error.kind !== "protocol" && error.kind !== "truncated") throw error; // there is no answer
    });
    return JSON.stringify(server.bodies()[0]);
  }

  test("is in the request, and the turn that made it is not empty", async () => {
    const body = await sentWith(drawn);
    expect(body).toContain(PNG);
    expect(body).toContain("again");
  });

  test("does not fail it when the provider does not take its kind: a line of text stands for it", async () => {
    const body = await sentWith({ ...drawn, media: [{ mediaType: "image/x-odd", fileId: "file_1" }] });
    expect(body).toContain("image/x-odd");
    expect(body).not.toContain("file_1");
  });

  test("leaves the words of a sound, and nothing of what is not complete", async () => {
    const sound: Media = { mediaType: "audio/wav", data: "UklGRg==", transcript: "Hello" };
    const body = await sentWith({
      role: "assistant",
      content: "Hello",
      media: [sound, { mediaType: "image/png", data: PNG, partial: true }],
    });
    expect(body).toContain("Hello");
    expect(body).not.toMatch(/UklGR|iVBOR/);
  });
});
