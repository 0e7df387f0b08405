/** `cloudllm serve` with the libraries and front ends that it is for: they are told its address, and nothing else. */

import { startProviderServer } from "cloudllm/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { aiSdkVersions, textOf, useAiSdk } from "../support/ai-sdk.ts";
import { type Served, startServed } from "../support/served.ts";
import { agentVersions, agUiMissing, copilotKit, copilotMissing, httpAgent, tanStackChat } from "./ag-ui-clients.mjs";
import { gatewayApis, textIn } from "./apis.ts";

const question = "Is 561 a prime number?";
const KEYS = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"];

let served: Served;
let close: () => Promise<void>;
beforeAll(async () => {
  const provider = await startProviderServer(() => ({ text: ["It is ", "3 · 11 · 17."] }));
  served = await startServed(["--base-url", provider.baseUrl, "--model", "gpt-6-luna"]);
  close = () => provider.close();
  vi.stubEnv("OPENAI_BASE_URL", `${served.url}/v1`);
  vi.stubEnv("ANTHROPIC_BASE_URL", served.url);
  for (const name of KEYS) vi.stubEnv(name, "none");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await served[Symbol.asyncDispose]();
  await close();
});

describe.each(gatewayApis())("$name", ({ libraries, params }) => {
  describe.each(libraries)("$id", ({ call, missing }) => {
    test.skipIf(missing).each(["raw", "helper", "whole"])(
      `OPENAI_BASE_URL or ANTHROPIC_BASE_URL makes it talk to the server (%s)${missing ? ` (${missing})` : ""}`,
      async (method) => {
        const seen = await call(method, { params });
        expect([seen.error, textIn(seen)]).toEqual([undefined, "It is 3 · 11 · 17."]);
      },
    );
  });
});

describe.each(aiSdkVersions)("useChat of ai $title", (version) => {
  const { scene, open } = useAiSdk(version);

  scene("shows a reply, and all of it again after a reload", async () => {
    const page = await open({ url: `${served.url}/api/chat` });
    const view = await page.call("sendMessage", { text: question });
    expect([view.error, view.messages.map(textOf)]).toEqual([undefined, [question, "It is 3 · 11 · 17."]]);
    const messages = (await (await fetch(`${served.url}/api/chat/${page.id}`)).json()) as readonly unknown[];
    const again = await open({ url: `${served.url}/api/chat`, id: page.id, messages });
    expect((await again.look()).messages.map(textOf)).toEqual([question, "It is 3 · 11 · 17."]);
  });
});

describe.skipIf(agUiMissing !== undefined)("front ends of AG-UI", () => {
  test.each(agentVersions)("HttpAgent %s shows a reply", async (version) => {
    const initialMessages = [{ id: "u1", role: "user", content: question }];
    const threadId = `thread-${version}`;
    const agent = await httpAgent(version, { url: `${served.url}/ag-ui`, threadId, initialMessages });
    const run = await agent.run();
    expect([run.rejected, run.error, run.shown.at(-1)]).toEqual([undefined, undefined, "It is 3 · 11 · 17."]);
  });

  test("a chat of TanStack AI shows a reply, and all of it again after a reload", async () => {
    const options = { url: `${served.url}/ag-ui`, chat: { threadId: "tanstack", persistence: true } };
    const chat = await tanStackChat(options);
    await chat.client.sendMessage(question);
    expect([chat.seen.errors, chat.textOf()]).toEqual([[], "It is 3 · 11 · 17."]);
    const again = await tanStackChat(options);
    again.client.attach();
    await expect.poll(() => again.textOf()).toBe("It is 3 · 11 · 17.");
  });
});

test.skipIf(copilotMissing !== undefined)("CopilotKit finds its agent, and shows a reply", async () => {
  const listens = (): void => undefined;
  const page = { location: new URL("http://page.test"), addEventListener: listens, removeEventListener: listens };
  vi.stubGlobal("window", page); // CopilotKit asks a runtime for its agents in a page only
  const { core, agent, errors } = await copilotKit(`${served.url}/ag-ui`, "copilot");
  agent.addMessage({ id: "u1", role: "user", content: question });
  await core.runAgent({ agent });
  vi.unstubAllGlobals();
  expect([errors, agent.messages.at(-1)?.content]).toEqual([[], "It is 3 · 11 · 17."]);
});
