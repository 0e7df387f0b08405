/** The examples run as a user would run them: compiled against the built package, offline, each in its own process. */

import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Gate, startProviderServer } from "cloudllm/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
// @ts-expect-error the scripts are plain JavaScript
import { build, compileExamples } from "../scripts/setup.mjs";
import { launch, noBrowser, openPage } from "./support/browser.ts";
import { type RedisServer, redisMissing, startRedis } from "./support/redis-server.ts";

const run = promisify(execFile);
const folder = fileURLToPath(new URL("../.examples/", import.meta.url));
/** Nothing of the caller's environment: no key, no server. Port 1 has no Redis. */
const env = { PATH: process.env.PATH, PORT: "0", REDIS_URL: "redis://127.0.0.1:1" };
let redis: RedisServer | undefined;

const EXAMPLES: Readonly<Record<string, { readonly args?: readonly string[]; readonly says: readonly RegExp[] }>> = {
  streaming_example: {
    says: [/^\w.*\breply\b.*\.$/m, /ended with: stop/, /first token after \d+ ms/, /tokens: \d+ in, \d{2,3} out/],
  },
  streaming_session_example: {
    says: [/> Write a poem/, /> Now make it shorter/, /turns kept: 4/, /outputTokens: \d+/],
  },
  worker_thread: { says: [/the worker read \d+ words in \d+ chunks:\n\w.*\.\n/] },
  web_server: { args: ["--once"], says: [/open http:/, /\n\w.*[.?!]\n/] },
  chat_page: {
    args: ["--once"],
    says: [/open http:/, /after a reload: 2 messages, streaming/, /^m0 user: Write a poem/m, /^m1 assistant: \w/m],
  },
  relay_express: {
    args: ["--once"],
    says: [/read "\w[^"]*", then left/, /came back to: \w.+ .+[.?!"]$/m, /a stranger gets: SendError: /],
  },
  relay_hono: {
    args: ["--once"],
    says: [/> Write a poem about streams\.\n\w/, /> Now make it shorter\.\n\w.*[.?!]\n/],
  },
  relay_redis: { says: [/^There is no Redis at redis:.*\.$/m] },
  abort_and_keep: {
    says: [
      /left the loop, kept: "\w/,
      /stopped \(stopped\), kept: "\w/,
      /aborted \(aborted\), kept: "\w/,
      /outputTokens: \d/,
    ],
  },
};

beforeAll(async () => {
  await build();
  compileExamples();
  if (!redisMissing) redis = await startRedis();
}, 120_000);
afterAll(() => redis?.[Symbol.asyncDispose]());

test("every example is run here", () => {
  const files = readdirSync(new URL("../examples/", import.meta.url)).filter((file) => file.includes("_"));
  expect(files.sort()).toEqual(
    Object.keys(EXAMPLES)
      .map((name) => `${name}.ts`)
      .sort(),
  );
});

test.each(Object.entries(EXAMPLES))("%s", async (name, { args = [], says }) => {
  const { stdout } = await run(process.execPath, [`${folder}${name}.js`, ...args], { env, timeout: 15_000 });
  for (const line of says) expect(stdout).toMatch(line);
});

test.skipIf(redisMissing !== undefined)(
  `relay_redis, with a Redis${redisMissing ? ` [${redisMissing}]` : ""}`,
  async () => {
    const withRedis = { ...env, REDIS_URL: redis?.url };
    const { stdout } = await run(process.execPath, [`${folder}relay_redis.js`], { env: withRedis, timeout: 20_000 });
    expect(stdout).toMatch(/\w\[killed\].*\w{3}.*\.\n/);
    expect(stdout).toMatch(/ended with: stop, reconnects: [1-9]/);
  },
  25_000,
);

test.skipIf(noBrowser !== undefined)(
  `chat_page keeps what is typed while a reply is being written${noBrowser ? ` [${noBrowser}]` : ""}`,
  async () => {
    const gate = new Gate();
    await using provider = await startProviderServer([
      { steps: [{ text: "One " }, { pause: gate }, { text: "two." }] },
    ]);
    const browser = await launch();
    const child = spawn(process.execPath, [`${folder}chat_page.js`], {
      env: { ...env, CLOUDLLM_BASE_URL: provider.baseUrl },
    });
    try {
      await using opened = await openPage(browser, await addressOf(child));
      const { page, faults } = opened;
      const box = page.locator("input");
      await box.fill("Count");
      await box.press("Enter");
      await page.getByText("assistant: One").waitFor();
      await box.fill("Next");
      await box.press("Enter");
      gate.open();
      await page.getByText("assistant: One two.").waitFor();
      expect({ typed: await box.inputValue(), faults }).toEqual({ typed: "Next", faults: [] });
    } finally {
      child.kill();
      await browser.close();
    }
  },
  25_000,
);

/** Resolves with the address that an example prints. */
async function addressOf({ stdout }: ChildProcessWithoutNullStreams): Promise<string> {
  for await (const words of stdout.setEncoding("utf8")) {
    const url = /open (http:\S+)/.exec(words)?.[1];
    if (url) return url;
  }
  throw new Error("The example ended without an address.");
}
