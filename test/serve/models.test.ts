/** Several models behind one server: what they are called, who answers, and the choice on the page. */

import type { ClientWrapper } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { offeredModels } from "../../src/cli/serve/offered-models.ts";
import { command } from "../cli/command.ts";
import { launch, noBrowser } from "../support/browser.ts";
import { completed, pageSite, say } from "../support/page-site.ts";
import { ask } from "../support/served.ts";

describe("the names of the models", () => {
  const choice = (provider: string, model: string, maxTokens?: number) => {
    const client = Object.assign(scriptedClient([], { provider, model }), { warm: async () => true });
    return { client, withModel: () => client, ...(maxTokens !== undefined && { maxTokens }) };
  };
  const same = (client: ClientWrapper) => client;

  test("are those of the models, and have the provider where two share one", async () => {
    const first = choice("openai", "gpt-6-luna");
    const others = [choice("azure", "gpt-6-luna"), choice("anthropic", "claude"), choice("openai", "gpt-6-luna")];
    const models = await offeredModels({ first, fallbacks: [], others }, same);
    expect(models.map(({ name }) => name)).toEqual(["openai:gpt-6-luna", "azure:gpt-6-luna", "claude"]);
    expect(models[1]?.client.provider).toBe("azure");
  });

  test("a small model does not shorten the conversations of a large one; a fallback does", async () => {
    const others = [choice("embedded", "toy", 400)];
    const windows = async (fallbacks: typeof others) =>
      (await offeredModels({ first: choice("acme", "large", 9_000), fallbacks, others }, same)).map((m) => m.maxTokens);
    expect(await windows([])).toEqual([9_000, 400]);
    expect(await windows([choice("acme", "small", 800)])).toEqual([800, 400]);
  });
});

test("only a server takes several models", async () => {
  const { code, stderr } = await command(["-m", "a", "-m", "b", "Hello"]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("only serve takes several") });
});

describe.skipIf(noBrowser !== undefined)(`the choice on the page${noBrowser ? ` (${noBrowser})` : ""}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());

  const modelOf = (request: { readonly body: unknown } | undefined) => (request?.body as { model?: string })?.model;

  test("is not there with one model", async () => {
    await using site = await pageSite(browser, []);
    await site.page.locator("#model").getByText("gpt-6-luna").waitFor();
    expect(await site.page.getByLabel("Model").isVisible()).toBe(false);
  });

  test("decides who answers, is named under the reply, and is remembered", async () => {
    const replies = [{ text: "One." }, { text: "Two." }, { text: "Again." }, { text: "Three." }];
    await using site = await pageSite(browser, replies, { args: ["--model", "gpt-6-sol"] });
    const { page, provider, served } = site;
    const list = page.getByLabel("Model");
    await list.waitFor();
    expect(await list.locator("option").allInnerTexts()).toEqual(["gpt-6-luna", "gpt-6-sol"]);
    await say(page, "First");
    await completed(page, "One.");
    await list.selectOption("gpt-6-sol");
    await say(page, "Second");
    await completed(page, "Two.");
    expect(await page.locator(".figures").allInnerTexts()).toEqual([
      expect.stringContaining("gpt-6-luna"),
      expect.stringContaining("gpt-6-sol"),
    ]);
    await page.getByRole("button", { name: "Write again", exact: true }).click();
    await completed(page, "Again.");
    await page.reload();
    await completed(page, "Again.");
    expect(await list.inputValue()).toBe("gpt-6-sol");
    expect(await page.locator(".figures").last().innerText()).toContain("gpt-6-sol");
    await say(page, "Third");
    await completed(page, "Three.");
    expect(provider.requests.map(modelOf)).toEqual(["gpt-6-luna", "gpt-6-sol", "gpt-6-sol", "gpt-6-sol"]);
    expect(JSON.parse((await ask(`${served.url}/v1/models`)).body)).toMatchObject({
      data: [{ id: "gpt-6-luna" }, { id: "gpt-6-sol" }],
    });
  });

  test("a choice that the server does not offer any more is the first one", async () => {
    await using site = await pageSite(browser, [{ text: "Yes." }], { args: ["-m", "gpt-6-sol"] });
    const { page, provider } = site;
    await page.getByLabel("Model").selectOption("gpt-6-sol");
    await page.evaluate(() => localStorage.setItem("cloudllm.model", "gone"));
    await page.reload();
    await say(page, "Hello");
    await completed(page, "Yes.");
    expect(modelOf(provider.requests[0])).toBe("gpt-6-luna");
  });
});
