/** Pages of `useChat`, in the versions of the AI SDK that are installed for the tests. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PageOptions, Pages, PageView, ShownMessage } from "../interop/ai-sdk-page.mjs";
import { laterNode, laterNodeMissing } from "./later-node.ts";

export type { PageView, ShownMessage } from "../interop/ai-sdk-page.mjs";

const INTEROP = new URL("../interop/", import.meta.url);
const PROGRAM = new URL("ai-sdk-page.mjs", INTEROP);

/** One version, and how its front ends differ. */
export interface AiSdkVersion {
  readonly version: string;
  /** The version, and why its tests are skipped, for their title. */
  readonly title: string;
  readonly packageName: string;
  /** Why the tests of it are skipped; `undefined` when they are not. */
  readonly missing: string | undefined;
  /** Whether a replay takes the place of the message that the page shows; otherwise it is added to it. */
  readonly replaces: boolean;
  /** Whether tools can ask for approval. */
  readonly approves: boolean;
}

const versionOf = (
  version: string,
  packageName: string,
  facts: Pick<AiSdkVersion, "replaces" | "approves">,
): AiSdkVersion => {
  const missing = missingOf(packageName);
  const title = missing === undefined ? version : `${version} (${missing})`;
  return { version, title, packageName, missing, ...facts };
};

export const aiSdkVersions: readonly AiSdkVersion[] = [
  versionOf("5.0.95", "ai5-95", { replaces: false, approves: false }),
  versionOf("5.0.277", "ai5", { replaces: true, approves: false }),
  versionOf("6.0.150", "ai6-150", { replaces: false, approves: true }),
  versionOf("6.0.326", "ai6", { replaces: true, approves: true }),
  versionOf("7.0.173", "ai", { replaces: true, approves: true }),
];

function missingOf(packageName: string): string | undefined {
  if (!existsSync(new URL(`node_modules/${packageName}/`, INTEROP))) {
    return "the AI SDK is not installed: npm ci --prefix test/interop";
  }
  return packageName === "ai" ? laterNodeMissing : undefined;
}

/** A page that shows a chat. */
export interface ChatPage {
  /** The id of the chat. */
  readonly id: string;
  look(): Promise<PageView>;
  /** Calls a method of the chat, such as `sendMessage`. Resolves when it is done. */
  call(method: string, ...args: readonly unknown[]): Promise<PageView>;
  /** Begins to call one. */
  begin(method: string, ...args: readonly unknown[]): Promise<void>;
}

/** The pages of one version. */
export interface AiSdkBrowser {
  open(options: PageOptions): Promise<ChatPage>;
  close(): void;
}

/** Starts the pages of a version: in this process, or in one of a later Node. */
async function aiSdkBrowser({ packageName }: AiSdkVersion): Promise<AiSdkBrowser> {
  if (packageName === "ai" && laterNode !== process.execPath) return childBrowser("ai-sdk-page.mjs", packageName);
  const { pagesOf } = (await import(PROGRAM.href)) as typeof import("../interop/ai-sdk-page.mjs");
  return browserOf(await pagesOf(packageName), () => undefined);
}

function browserOf(pages: Pages, close: () => void): AiSdkBrowser {
  return {
    async open(options) {
      const { page, id } = await pages.open(options);
      return {
        id,
        look: async () => pages.look({ page }),
        call: async (method, ...args) => pages.call({ page, method, args }),
        begin: async (method, ...args) => void (await pages.begin({ page, method, args })),
      };
    },
    close,
  };
}

/** A line of the child: it is ready, or a call is done. */
interface ChildAnswer {
  readonly number?: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Starts pages of `useChat` in React 19, of the newest version. */
export function reactBrowser(): Promise<AiSdkBrowser> {
  return childBrowser("ai-sdk-react.mjs");
}

/** Why there are none; `undefined` when there are. */
export const reactMissing: string | undefined =
  ["@ai-sdk/react", "react-dom", "happy-dom"].map(missingOf).find((reason) => reason) ?? missingOf("ai");

async function childBrowser(program: string, ...parameters: readonly string[]): Promise<AiSdkBrowser> {
  if (laterNode === undefined) throw new Error(laterNodeMissing);
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(
    laterNode,
    [fileURLToPath(new URL(program, INTEROP)), ...parameters],
    {
      cwd: fileURLToPath(INTEROP),
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, NODE_OPTIONS: "" },
    },
  );
  const waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  let asked = 0;
  await new Promise<void>((resolve, reject) => {
    child.once("exit", (code) => {
      const error = new Error(`The pages have ended (${code}).`);
      reject(error);
      for (const call of waiting.values()) call.reject(error);
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const { number, result, error } = JSON.parse(line) as ChildAnswer;
      if (number === undefined) return resolve();
      const call = waiting.get(number);
      waiting.delete(number);
      if (error !== undefined) call?.reject(new Error(error));
      else call?.resolve(result as never);
    });
  });
  const ask = <T>(name: string, parameters: object): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const number = ++asked;
      waiting.set(number, { resolve, reject });
      child.stdin.write(`${JSON.stringify({ number, name, parameters })}\n`);
    });
  return browserOf(
    {
      open: (options) => ask("open", options),
      call: (call) => ask("call", call),
      begin: (call) => ask("begin", call),
      look: (of) => ask("look", of),
    },
    () => child.kill(),
  );
}

/** Defines the tests of one version, and opens its pages. Skipped, with the reason, where the version is missing. */
export function useAiSdk(version: AiSdkVersion): {
  readonly scene: typeof test;
  open(options: PageOptions): Promise<ChatPage>;
} {
  const { missing } = version;
  let browser: AiSdkBrowser | undefined;
  beforeAll(async () => {
    if (missing === undefined) browser = await aiSdkBrowser(version);
  });
  afterAll(() => browser?.close());
  return {
    scene: test.skipIf(missing !== undefined) as typeof test,
    open: (options) => browser?.open(options) ?? Promise.reject(new Error(missing)),
  };
}

/**
 * Resolves with the page when it shows what is wanted.
 * @throws with the page as it is, when that does not come
 */
export async function until(page: ChatPage, isThere: (view: PageView) => boolean): Promise<PageView> {
  let view = await page.look();
  const look = async (): Promise<boolean> => {
    view = await page.look();
    return isThere(view);
  };
  await expect
    .poll(look, { timeout: 10_000 })
    .toBe(true)
    .catch(() => {
      throw new Error(`The page shows ${JSON.stringify(view)}.`);
    });
  return view;
}

/** Resolves with the page when its reply shows a text. */
export function untilText(page: ChatPage, text: string): Promise<PageView> {
  return until(page, ({ messages }) => textOf(messages.at(-1)) === text);
}

/** Returns the text that a message shows. */
export function textOf(message: ShownMessage | undefined): string {
  return (message?.parts ?? []).map((part) => (part.type === "text" ? String(part.text) : "")).join("");
}

/** Returns the parts of a message in short, such as `text:done` or `tool-weather:output-available`. */
export function partsOf(message: ShownMessage | undefined): readonly string[] {
  return (message?.parts ?? []).map(({ type, state }) => (state === undefined ? type : `${type}:${String(state)}`));
}
