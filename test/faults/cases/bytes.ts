/** 1. Bytes and framing. */

import {
  type BrotliCompress,
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  type Deflate,
  type Gzip,
} from "node:zlib";
import { expect } from "vitest";
import { sendApart } from "../../support/local-connection.ts";
import { httpChunk, LAST_CHUNK, STREAM_HEAD } from "../../support/raw-server.ts";
import { type Fault, onlyIn, type Section } from "../fault.ts";
import { measuredOf } from "../measured.ts";
import { COUNTS, headWith, judged, packets, readAll, type Scene, stream } from "../scene.ts";

const TEXT = "naïve 😀 日本語 ÿ";
const DUE = { text: TEXT, counts: COUNTS };

/** A good reply, as one text. */
function good(scene: Scene, text: readonly string[] = [TEXT.slice(0, 7), TEXT.slice(7)]): string {
  return eventsOf(scene, text).join("");
}

function eventsOf(scene: Scene, text: readonly string[]): readonly string[] {
  return scene.speaker
    .speech()
    .text(...text)
    .finish("stop", COUNTS).events;
}

/** The same bytes in packets of several sizes: all of them must be whole. */
async function atCuts(scene: Scene, body: string | Uint8Array, due = DUE): Promise<string> {
  for (const size of [1, 5]) judged(await scene.replyInPackets(packets(body, size)), due);
  return judged(await scene.reply(stream([body])), due);
}

/** Ends lines otherwise, whatever the format does itself. */
function withLineEnds(body: string, end: string): string {
  return body.replaceAll("\r\n", "\n").replaceAll("\n", end);
}

type Compressor = Gzip | Deflate | BrotliCompress;
const ENCODINGS: Readonly<Record<string, () => Compressor>> = {
  gzip: () => createGzip(),
  deflate: () => createDeflate(),
  br: () => createBrotliCompress(),
};

/** Every piece compressed and flushed by itself; the last one ends the compressed stream. */
async function compressed(encoding: string, pieces: readonly string[], isEnded = true): Promise<Buffer[]> {
  const compressor = ENCODINGS[encoding]?.();
  if (!compressor) throw new Error(encoding);
  const out: Buffer[] = [];
  let bytes: Buffer[] = [];
  compressor.on("data", (piece: Buffer) => bytes.push(piece));
  const flush = encoding === "br" ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH;
  for (const piece of pieces) {
    compressor.write(piece);
    await new Promise<void>((resolve) => compressor.flush(flush, resolve));
    out.push(Buffer.concat(bytes));
    bytes = [];
  }
  if (isEnded) {
    await new Promise<void>((resolve) => compressor.end(resolve));
    await new Promise<void>((resolve) => setImmediate(resolve));
    out.push(Buffer.concat(bytes));
  }
  return out;
}

/** Sends the next compressed event only once the last one's delta has been seen: nothing may be held back. */
async function deltaByDelta(scene: Scene, encoding: string): Promise<string> {
  const deltas = ["one ", "two ", "three"];
  const events = eventsOf(scene, deltas);
  const pieces = await compressed(encoding, events);
  const isDelta = events.map((event) => deltas.some((delta) => event.includes(JSON.stringify(delta))));
  let sendMore: () => void = () => undefined;
  const { client } = await scene.stage(({ socket }) => {
    socket.write(headWith({ "content-encoding": encoding }));
    let next = 0;
    sendMore = () => {
      while (next < pieces.length) {
        const piece = pieces[next] ?? Buffer.alloc(0);
        if (piece.length > 0) socket.write(httpChunk(piece)); // an empty chunk would be the last
        if (isDelta[next++]) return; // until it was seen
      }
      socket.write(LAST_CHUNK);
      sendMore = () => undefined;
    };
    sendMore();
  });
  const seen = await readAll(await client.sendMessageStream([{ role: "user", content: "hi" }]), () => sendMore());
  return judged(seen, { text: "one two three", counts: COUNTS });
}

/** Measured once for each transport: what is read here has not come as far as a protocol. */
const BELOW = onlyIn("Chat Completions", "fails before the protocol is asked; measured once a transport");

const NO_FIELDS = { Ollama: "its lines have no fields and no comments" } as const;
const NO_CR = { Ollama: "CR alone does not end a line of it" } as const;

const faults: readonly Fault[] = [
  {
    id: "1.1",
    title: "a character of several bytes is cut between two packets",
    async run(scene) {
      for (const size of [2, 3]) judged(await scene.replyInPackets(packets(good(scene), size)), DUE);
      return atCuts(scene, good(scene));
    },
  },
  {
    id: "1.2",
    title: "the complete response, headers and chunk sizes included, comes byte by byte, or in one packet",
    async run(scene) {
      const whole = Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(good(scene)), Buffer.from(LAST_CHUNK)]);
      judged(await scene.reply(({ socket }) => void socket.write(whole)), DUE);
      const bytes = packets(whole, 1);
      // The parser of `fetch` hears only sockets.
      if (scene.transport === "node:http") return judged(await scene.replyOnConnection(bytes), DUE);
      return judged(await scene.reply(({ socket }) => sendApart(socket, bytes)), DUE);
    },
  },
  {
    id: "1.3",
    title: "lines end with CR LF, and a packet ends between the two",
    async run(scene) {
      const body = withLineEnds(good(scene), "\r\n");
      await atCuts(scene, body);
      return judged(await scene.reply(stream(body.split(/(?<=\r)/))), DUE);
    },
  },
  {
    id: "1.4",
    title: "comments stand between events and inside events",
    except: NO_FIELDS,
    run: (scene) =>
      atCuts(scene, `: hello\n\n${good(scene).replaceAll("data:", ": a comment: data: {}\n:\ndata:")}: bye\n\n`),
  },
  {
    id: "1.5",
    title: "an event has its JSON over several `data:` lines",
    except: NO_FIELDS,
    run: (scene) =>
      atCuts(
        scene,
        good(scene).replace(/^data: (\{.*\})(?=\r?$)/gm, (_, json: string) =>
          JSON.stringify(JSON.parse(json), null, 1).replace(/^/gm, "data: "),
        ),
      ),
  },
  {
    id: "1.6",
    title: "there is no space after `data:` and `event:`",
    except: NO_FIELDS,
    run: (scene) => atCuts(scene, good(scene).replace(/^(data|event): /gm, "$1:")),
  },
  {
    id: "1.7",
    title: "blank lines repeat, and events have empty data",
    run: (scene) =>
      atCuts(
        scene,
        scene.speaker.protocol === "Ollama"
          ? `\n\n\n${good(scene).replaceAll("\n", "\n\n \r\n")}\n\n`
          : `\n\n\ndata:\n\ndata: \n\n${good(scene).replace(/\n\r?\n/g, (end) => `${end}\n\ndata\n\ndata: \n\n`)}\n\n\n`,
      ),
  },
  {
    id: "1.8",
    title: "one event is a single line of 9 MB",
    async run(scene) {
      const text = "x€".repeat(2_250_000);
      return judged(await scene.reply(stream(packets(good(scene, [text]), 60_000))), { text, counts: COUNTS });
    },
  },
  {
    id: "1.9",
    title: "a line never ends: 300 MB without a line break",
    async run(scene) {
      const { error, grownBy } = await measuredOf(scene, "endless line");
      expect(grownBy).toBeLessThan(192e6);
      expect(error).toBe("protocol");
      return "`protocol`, memory bounded";
    },
  },
  {
    id: "1.10",
    title: "the body is compressed with gzip, flushed after each event",
    run: (scene) => deltaByDelta(scene, "gzip"),
  },
  {
    id: "1.11",
    title: "60,000 small deltas",
    async run(scene) {
      const { text, cpuMs, cpuOfQuarterMs } = await measuredOf(scene, "many deltas");
      expect(text).toBe(240_000);
      // Four times the deltas: linear is 4 and less, quadratic is 16.
      expect(cpuMs / Math.max(20, cpuOfQuarterMs)).toBeLessThan(9);
      return "full text, linear";
    },
  },
  {
    id: "1.12",
    title: "a byte order mark, cut anywhere, stands at the beginning",
    run: (scene) => atCuts(scene, `\uFEFF${good(scene)}`),
  },
  {
    id: "1.13",
    title: "lines end with CR alone",
    except: NO_CR,
    run: (scene) => atCuts(scene, withLineEnds(good(scene), "\r")),
  },
  {
    id: "1.14",
    title: "all three line ends are mixed",
    except: NO_CR,
    run(scene) {
      const ends = ["\r", "\r\n", "\n"]; // in this order, no CR meets an LF of the next line end
      let at = 0;
      return atCuts(
        scene,
        withLineEnds(good(scene), "\n").replaceAll("\n", () => ends[at++ % 3] ?? ""),
      );
    },
  },
  {
    id: "1.15",
    title: "`data:` stands before `event:`, other fields stand around them",
    except: NO_FIELDS,
    run: (scene) =>
      atCuts(
        scene,
        withLineEnds(good(scene), "\n").replace(
          /^(event: .*\n)?(data: .*\n)/gm,
          (_, type: string | undefined, data: string) => `id: 7\nretry: 10\nfoo\n${data}${type ?? ""}bar: x\n`,
        ),
      ),
  },
  {
    id: "1.16",
    title: "the last event lacks its blank line, or even its line end",
    async run(scene) {
      const body = good(scene);
      judged(await scene.reply(stream([body.replace(/\r?\n$/, "")])), DUE);
      return judged(await scene.reply(stream([body.trimEnd()])), DUE);
    },
  },
  {
    id: "1.17",
    title: "bytes in the text are not UTF-8",
    async run(scene) {
      const body = Buffer.from(good(scene, ["a\x01b"]).replace("\\u0001", "\x01"));
      body[body.indexOf(1)] = 0xff;
      return judged(await scene.reply(stream(packets(body, 50))), { text: "a\uFFFDb", counts: COUNTS });
    },
  },
  ...["deflate", "br"].map((encoding, at) => ({
    id: `1.${18 + at}`,
    title: `the body is compressed with ${encoding}, flushed after each event`,
    run: (scene: Scene) => deltaByDelta(scene, encoding),
  })),
  ...["gzip", "deflate", "br"].map((encoding, at) => ({
    id: `1.${20 + at}`,
    title: `the ${encoding} data stops in the middle, and the body ends cleanly`,
    async run(scene: Scene) {
      const { events } = scene.speaker.speech().text("a", "b");
      const pieces = await compressed(encoding, events, false);
      judged(await scene.reply(stream(pieces, headWith({ "content-encoding": encoding }))), {
        fails: ["truncated", "network"],
        kept: "ab",
      });
      // Within a block, what came before it is kept.
      const last = pieces.pop()?.subarray(0, 4) ?? "";
      const outcome = await scene.reply(stream([...pieces, last], headWith({ "content-encoding": encoding })));
      return judged(outcome, { fails: ["truncated", "network"], kept: "a" });
    },
  })),
  {
    id: "1.23",
    title: "the compressed data is damaged",
    async run(scene) {
      const { events } = scene.speaker.speech().text("a").finish();
      const pieces = await compressed("gzip", events.slice(0, -1), false);
      const damaged = [...pieces, "this is not gzip at all, and will never be"];
      const answer = stream(damaged, headWith({ "content-encoding": "gzip" }));
      const outcome = await scene.reply(answer, { timeouts: { idle: 500 } });
      expect(outcome.error?.kind).toMatch(/^(network|timeout|truncated)$/);
      if (scene.transport === "fetch")
        scene.leaves("Node 20's `fetch` neither reports damaged data nor closes its socket when it is aborted");
      return "an error";
    },
  },
  {
    id: "1.24",
    title: "300 MB of one line come as 300 kB of gzip",
    except: BELOW,
    async run(scene) {
      const { error, grownBy } = await measuredOf(scene, "compressed line");
      expect(grownBy).toBeLessThan(192e6);
      expect(error).toBe("protocol");
      return "`protocol`, memory bounded";
    },
  },
  {
    id: "1.25",
    title: "a JSON document never ends: 300 MB",
    except: BELOW,
    async run(scene) {
      const { error, grownBy } = await measuredOf(scene, "endless document");
      expect(grownBy).toBeLessThan(192e6);
      expect(error).toBe("protocol");
      return "`protocol`, memory bounded";
    },
  },
  {
    id: "1.26",
    title: "an event has endlessly many lines, comments among them: 300 MB without a blank line",
    except: BELOW,
    async run(scene) {
      const { error, grownBy } = await measuredOf(scene, "endless event");
      expect(grownBy).toBeLessThan(192e6);
      expect(error).toBe("protocol");
      return "`protocol`, memory bounded";
    },
  },
  {
    id: "1.27",
    title: "chunks have extensions, sizes are padded with zeros, trailers follow the body",
    async run(scene) {
      const body = Buffer.from(good(scene));
      const half = body.length >> 1;
      const chunk = (bytes: Uint8Array) =>
        Buffer.concat([Buffer.from(`000${bytes.length.toString(16)};name="value"\r\n`), bytes, Buffer.from("\r\n")]);
      const pieces = [
        STREAM_HEAD,
        chunk(body.subarray(0, half)),
        chunk(body.subarray(half)),
        "0\r\nx-checksum: 1\r\n\r\n",
      ];
      return judged(await scene.reply(({ socket }) => sendApart(socket, pieces)), DUE);
    },
  },
];

export const bytes: Section = { number: 1, title: "Bytes and framing", faults };
