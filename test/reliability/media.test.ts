/** Pictures and sounds through what wraps a client: recovery, fallback, hedge, other threads, sessions with tools, structured output. */

import {
  CompatibleClient,
  fallback,
  hedge,
  LLMSession,
  MessageStream,
  OpenAIClient,
  type SendError,
  tool,
} from "cloudllm";
import { type ReplyScript, scriptedClient, startProviderServer } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const ASK = [{ role: "user", content: "draw" }] as const;
const PICTURE = { mediaType: "image/png", data: "iVBORw0KGgo=" };
const OTHER = { mediaType: "image/png", data: "iVBORw0KGgoA" };
const SOUND = { mediaType: "audio/pcm;rate=24000", pieces: ["QUJD", "REVG"] };
const media = (message: { readonly media?: readonly object[] }) => message.media;

// Full jitter at its least: nobody waits.
beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0));
afterEach(() => void vi.restoreAllMocks());

async function server(...scripts: readonly ReplyScript[]) {
  const started = await startProviderServer(scripts);
  const common = { model: "m", apiKey: "key-123456", baseUrl: started.baseUrl, retries: 2 };
  return {
    chat: new CompatibleClient(common),
    responses: new OpenAIClient(common),
    requests: () => started.requests.length,
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}

describe.each(["continue", "restart"] as const)("recover: %s", (recover) => {
  test.each([
    ["a picture", { media: PICTURE }, [PICTURE]],
    ["a piece of sound", { media: SOUND }, [{ mediaType: SOUND.mediaType, data: "QUJDREVG", partial: true }]],
  ])("%s that was paid for is not made again: the reply fails, and has it", async (_what, step, expected) => {
    await using broken = await server({ steps: [{ text: "Here." }, step], ending: "reset" }, { text: "never" });
    const stream = await broken.chat.sendMessageStream(ASK, { recover });
    const error = (await stream.finalMessage().catch((thrown: unknown) => thrown)) as SendError;
    expect(error.partial).toMatchObject({ content: "Here.", media: expected, interrupted: true });
    expect(broken.requests()).toBe(1);
  });

  test("a preview is no picture: the next attempt makes it, and takes the preview's place", async () => {
    const preview = "iVBORw0KGgoB";
    const text = recover === "restart" ? "Here." : " And more.";
    const first = {
      steps: [{ text: "Here." }, { media: { mediaType: "image/png", pieces: [], previews: [preview] } }],
    };
    const second = { steps: [{ text }, { media: { ...PICTURE, previews: [preview] } }] };
    await using broken = await server({ ...first, ending: "reset" }, second);
    const message = await (await broken.responses.sendMessageStream(ASK, { recover })).finalMessage();
    expect(message.media).toMatchObject([{ data: PICTURE.data }]);
    expect(broken.requests()).toBe(2);
  });
});

describe("several clients", () => {
  const drawn = (picture: object) => scriptedClient(() => ({ steps: [{ media: picture as typeof PICTURE }] }));
  const down = () => scriptedClient(() => ({ refusal: { status: 503 } }));

  test("the next client's picture is the reply's", async () => {
    const client = fallback([down(), drawn(PICTURE)]);
    expect(media(await client.sendMessage(ASK))).toEqual([PICTURE]);
    expect(media(await (await client.sendMessageStream(ASK)).finalMessage())).toEqual([PICTURE]);
  });

  test("a client that has drawn is not given up for the next", async () => {
    const broken = scriptedClient(() => ({ steps: [{ media: PICTURE }], ending: "reset" }));
    const next = drawn(OTHER);
    const error = await (await fallback([broken, next]).sendMessageStream(ASK))
      .finalMessage()
      .catch((thrown: SendError) => thrown);
    expect(error).toMatchObject({ partial: { media: [PICTURE] } });
    expect(next.calls).toHaveLength(0);
  });

  test("the winner's picture alone is the reply's", async () => {
    const message = await (
      await hedge(drawn(PICTURE), drawn(OTHER), { afterMs: 0 }).sendMessageStream(ASK)
    ).finalMessage();
    expect(message.media).toHaveLength(1);
  });
});

test("media travel to another thread as they are", async () => {
  const client = scriptedClient([{ steps: [{ media: PICTURE }, { media: SOUND }] }]);
  const { readable, writable } = new TransformStream();
  (await client.sendMessageStream(ASK))
    .toReadableStream()
    .pipeTo(writable)
    .catch(() => undefined);
  const stream = MessageStream.from(
    readable.pipeThrough(new TransformStream({ transform: (chunk, out) => out.enqueue(structuredClone(chunk)) })),
  );
  expect(media(await stream.finalMessage())).toEqual([PICTURE, { mediaType: SOUND.mediaType, data: "QUJDREVG" }]);
});

test("a stopped reply keeps the picture that was there, and the preview of the next", async () => {
  const client = scriptedClient([
    { steps: [{ media: PICTURE }, { media: { ...OTHER, previews: ["iVBORw0KGgoB"] } }, { text: "never" }] },
  ]);
  const stream = await client.sendMessageStream(ASK);
  for await (const chunk of stream) if (chunk.type === "media" && chunk.index === 1) break;
  expect((await stream.finalMessage()).media).toEqual([
    PICTURE,
    { mediaType: "image/png", data: "iVBORw0KGgoB", partial: true },
  ]);
});

test("a picture in a structured reply does not keep its value from being read", async () => {
  const client = scriptedClient([{ steps: [{ text: '{"a":' }, { media: PICTURE }, { text: "1}" }] }]);
  const schema = { type: "object", properties: { a: { type: "number" } } };
  expect(await client.sendMessage(ASK, { output: schema })).toMatchObject({ output: { a: 1 }, media: [PICTURE] });
});

test("pictures of all the replies of a turn with tools are in its message, each with an index of its own", async () => {
  const client = scriptedClient([
    { steps: [{ media: PICTURE }, { toolCall: { name: "look" } }] },
    { steps: [{ text: "And" }, { media: OTHER }] },
    { text: "Fine." },
  ]);
  const look = tool({ name: "look", run: () => "seen" });
  const session = new LLMSession({ client });
  const stream = await session.sendMessageStream("draw", { tools: [look] });
  const indexes: number[] = [];
  for await (const chunk of stream) if (chunk.type === "media") indexes.push(chunk.index);
  expect(indexes).toEqual([0, 1]);
  expect(media(await stream.finalMessage())).toEqual([PICTURE, OTHER]);
  expect(session.history.map((message) => ("media" in message ? message.media : undefined))).toEqual([
    undefined,
    [PICTURE],
    undefined,
    [OTHER],
  ]);
  await session.sendMessage("and now?");
  expect(client.calls.at(-1)?.messages).toMatchObject([{}, { media: [PICTURE] }, {}, { media: [OTHER] }, {}]);
});
