/** 7. Secrets. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { expect } from "vitest";
import { httpChunk, LAST_CHUNK, type RawRequest, response, STREAM_HEAD } from "../../support/raw-server.ts";
import type { Fault, Section } from "../fault.ts";
import { COUNTS, KEY, outcomeOf, QUESTION, refusalOf, type Scene } from "../scene.ts";

/** All that can be seen of a thing without knowing its private parts. */
function shown(thing: unknown): string {
  const texts = [
    inspect(thing, { depth: 12, showHidden: true, getters: true }),
    JSON.stringify(thing) ?? "",
    String(thing),
  ];
  if (thing instanceof Error) texts.push(thing.message, thing.stack ?? "", shown(thing.cause ?? ""));
  return texts.join("\n");
}

function good(scene: Scene): string {
  const { events } = scene.speaker.speech().text("a", "b").finish("stop", COUNTS);
  return STREAM_HEAD + httpChunk(events.join("")) + LAST_CHUNK;
}

/** Everything a server may do with the key it was sent. */
function echoes(scene: Scene): readonly ((request: RawRequest) => void)[] {
  const { speaker } = scene;
  const inside = (...events: readonly string[]): string => STREAM_HEAD + httpChunk(events.join("")) + LAST_CHUNK;
  const said = (words: string): string => speaker.speech().text("a").failure(words).events.join("");
  return [
    ({ socket }) => void socket.write(response(401, speaker.refusal(401, `bad key ${KEY}`))),
    ({ socket }) =>
      void socket.write(response(400, JSON.stringify({ error: { message: "no", code: KEY, type: KEY } }))),
    ({ socket }) => void socket.write(response(400, JSON.stringify({ error: { message: { headers: [KEY] } } }))),
    ({ socket }) => void socket.write(response(500, `<html><body>${KEY} authorization: Bearer ${KEY}</body></html>`)),
    ({ socket }) => void socket.write(response(403, "{}", { "x-request-id": KEY, "request-id": KEY })),
    ({ socket }) =>
      void socket.write(response(307, "", { location: `https://${KEY}:x@example.com/${KEY}?key=${KEY}` })),
    ({ socket, head }) => void socket.write(response(400, head)),
    ({ socket }) => void socket.write(inside(said(`bad key ${KEY}`))),
    // Cut where the message is cut: what is left is most of a key.
    ({ socket }) => void socket.write(inside(said(`${"e".repeat(1_980)}${KEY}`))),
    ({ socket }) => void socket.write(response(400, speaker.refusal(400, `${"e".repeat(1_980)}${KEY}`))),
    ({ socket }) => void socket.write(response(400, `${"e".repeat(64 * 1024 - 10)}${KEY}`)),
    ({ socket }) => void socket.write(inside(`data: {"${KEY}\n\n`)),
    ({ socket }) => void socket.write(inside(`data: {"a": ${KEY}}\n\n`)),
    ({ socket }) => void socket.write(inside(`data: ${KEY}\n\n`)),
    ({ socket }) => void socket.write(response(200, `{"${KEY}": ${KEY}`)),
    ({ socket }) => void socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: ${KEY}\r\ncontent-length: 3\r\n\r\nabc`),
    ({ socket }) => void socket.end(`${KEY}\r\n`),
    ({ socket }) => void socket.resetAndDestroy(),
    ({ socket }) => void socket.end(),
  ];
}

const faults: readonly Fault[] = [
  {
    id: "7.1",
    title: "the server echoes the key in every place it can write to",
    async run(scene) {
      for (const [at, echo] of echoes(scene).entries()) {
        const { client } = await scene.stage(echo);
        const error = await refusalOf(client);
        // Nor half of it.
        expect(shown(error), `echo ${at}`).not.toContain(KEY.slice(0, KEY.length / 2));
      }
      for (const origin of ["http://127.0.0.1:9", "https://nowhere.invalid"])
        expect(shown(await refusalOf(scene.client(origin)))).not.toContain(KEY);
      return "not in message, stack, cause, inspect, JSON";
    },
  },
  {
    id: "7.2",
    title: "client, stream and message are shown",
    async run(scene) {
      const { client } = await scene.stage(({ socket }) => void socket.write(good(scene)));
      const opened = await client.sendMessageStream(QUESTION);
      const running = shown(opened) + shown(opened.partial) + shown(opened.metrics);
      const message = await opened.finalMessage();
      const things = [client, opened, message, Object.getOwnPropertyNames(client)];
      expect(running + things.map(shown).join("")).not.toContain(KEY);
      expect(shown(await outcomeOf(client))).not.toContain(KEY);
      return "not in inspect, JSON";
    },
  },
  {
    id: "7.3",
    title: "a program prints everything it has, and dies of the error",
    async run(scene) {
      const server = await scene.serve(({ socket }, index) => {
        if (index === 0) return void socket.write(good(scene));
        socket.write(response(401, scene.speaker.refusal(401, `bad key ${KEY}`)));
      });
      const program = fileURLToPath(new URL("../printing-client.mjs", import.meta.url));
      const { PATH = "", HOME = "", SYSTEMROOT = "" } = process.env;
      const client = scene.speaker.program ?? scene.speaker.protocol;
      const child = spawn(process.execPath, [program, client, scene.transport, server.origin], {
        env: { PATH, HOME, SYSTEMROOT, SECRET: KEY, NODE_DEBUG: "" },
      });
      let printed = "";
      for (const output of [child.stdout, child.stderr]) {
        output.setEncoding("utf8").on("data", (text: string) => {
          printed += text;
        });
      }
      const code = await new Promise((resolve) => child.on("close", resolve));
      expect(code).toBe(1);
      expect(printed).toContain("SendError");
      expect(printed).not.toContain(KEY.slice(0, KEY.length / 2));
      return "not on stdout, stderr";
    },
  },
  {
    id: "7.4",
    title: "the secret is in a header of the caller's own",
    async run(scene) {
      const headers = { "x-gateway-token": `${KEY}-2`, "proxy-authorization": `Basic ${KEY}-3` };
      for (const secret of [`${KEY}-2`, `${KEY}-3`, `Basic ${KEY}-3`]) {
        const { client } = await scene.stage(
          ({ socket }) => void socket.write(response(401, scene.speaker.refusal(401, `bad ${secret}.`))),
          { headers, apiKey: "another-key-0123456789" },
        );
        expect(shown(await refusalOf(client))).not.toContain(KEY);
        expect(shown(client)).not.toContain(KEY);
      }
      return "not in message, stack, cause, inspect, JSON";
    },
  },
];

export const secrets: Section = { number: 7, title: "Secrets", faults };
