/** A relay on its stage: a model's server that misbehaves, relays between it and browsers, and the log that they share. */

import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { createRelay, type Relay, type RelayOptions, type ReplyLog, toNode } from "cloudllm/server";
import type { RawServer } from "../support/raw-server.ts";
import { type LogPlace, logPlace } from "./logs.ts";
import { type Answer, KEY, type Options, type Scene } from "./scene.ts";
import { SPEAKERS } from "./speakers/index.ts";

const PROGRAM = fileURLToPath(new URL("./relay-process.mjs", import.meta.url));
const BUILT = fileURLToPath(new URL("../../dist/server/index.js", import.meta.url));

/** A relay at an address. */
export interface Site {
  readonly port: number;
  readonly url: string;
}

/** A relay in this process: its log has a connection of its own, so that it stands for a process. */
export interface LocalSite extends Site {
  readonly relay: Relay;
  close(): Promise<void>;
}

/** A relay in a process that can be killed. */
export interface ProcessSite extends Site {
  kill(): Promise<void>;
  /** Resolves with the most that the process's resident memory grew by, in bytes. */
  grownBy(): Promise<number>;
}

interface SiteOptions {
  readonly relay?: Partial<Omit<RelayOptions, "client" | "log">>;
  readonly client?: Options;
  readonly port?: number;
  readonly log?: (log: ReplyLog | undefined) => ReplyLog | undefined;
}

/** Processes start one after the other: the cases beside them watch the clock. */
let starting: Promise<void> = Promise.resolve();

export class RelayStage implements AsyncDisposable {
  readonly #scene: Scene;
  readonly #place: LogPlace;
  readonly #model: RawServer;
  readonly #closing: (() => Promise<unknown>)[] = [];

  readonly #leaseMs: number;

  private constructor(scene: Scene, place: LogPlace, model: RawServer, leaseMs: number) {
    this.#scene = scene;
    this.#place = place;
    this.#model = model;
    this.#leaseMs = leaseMs;
  }

  static async of(scene: Scene, answer: Answer, leaseMs: number): Promise<RelayStage> {
    const place = await logPlace(scene.log ?? "no log", leaseMs, SPEAKERS.indexOf(scene.speaker));
    return new RelayStage(scene, place, await scene.serve(answer), leaseMs);
  }

  get model(): RawServer {
    return this.#model;
  }

  /** Whether another process sees the runs. */
  get isShared(): boolean {
    return this.#place.name !== "no log";
  }

  async site({ relay: given, client, port = 0, log: wrapped = (log) => log }: SiteOptions = {}): Promise<LocalSite> {
    const relay = createRelay({
      client: this.#scene.client(this.#model.origin, client),
      authorize: "public",
      log: wrapped(await this.#place.open()),
      ...given,
    });
    const server = createServer(toNode(relay.handle));
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const own = (server.address() as AddressInfo).port;
    const close = async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await relay.drain(0);
    };
    this.#closing.push(close);
    return { port: own, url: `http://127.0.0.1:${own}/chat`, relay, close };
  }

  async process(recover: "continue" | "" = ""): Promise<ProcessSite> {
    if (!existsSync(BUILT)) throw new Error(`${BUILT} is missing: npm test builds it, and npm run build does.`);
    const { speaker, transport } = this.#scene;
    const { name, address } = this.#place;
    const driver = String(SPEAKERS.indexOf(speaker));
    const place = [name, address, driver, String(this.#leaseMs), recover];
    const args = [speaker.protocol, transport, this.#model.origin, KEY, ...place];
    const { PATH = "", HOME = "", SYSTEMROOT = "" } = process.env;
    const before = starting;
    let started = (): void => undefined;
    starting = new Promise((resolve) => {
      started = resolve;
    });
    await before;
    const child = fork(PROGRAM, args, { env: { PATH, HOME, SYSTEMROOT }, execArgv: [] });
    const gone = once(child, "exit");
    const kill = async (): Promise<void> => {
      child.kill("SIGKILL");
      await gone;
    };
    this.#closing.push(kill);
    const failed = gone.then(([code]) => Promise.reject(new Error(`The relay's process ended with ${code}.`)));
    failed.catch(() => undefined);
    const said = async (): Promise<Readonly<Record<string, number>>> =>
      ((await Promise.race([once(child, "message"), failed])) as [Record<string, number>])[0];
    const { port = 0 } = await said().finally(started);
    return {
      port,
      url: `http://127.0.0.1:${port}/chat`,
      kill,
      async grownBy() {
        const answer = said();
        child.send("memory");
        return (await answer).grownBy ?? Number.NaN;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
    await this.#place[Symbol.asyncDispose]();
  }
}

/** A browser that starts or watches a run, and never reads a byte of it. */
export function frozenViewer({ port }: Site, path: string, body?: object): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.pause();
  const text = body ? JSON.stringify(body) : "";
  const head = [
    `${body ? "POST" : "GET"} /chat${path} HTTP/1.1`,
    "host: localhost",
    "content-type: application/json",
    `content-length: ${text.length}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${text}`);
  return socket;
}
