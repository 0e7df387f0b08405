/** Attachments on the chat page: chosen, pasted, dropped, refused, shown, edited, and kept. */

import type { ReplyScript } from "cloudllm/testing";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, noBrowser, openPage } from "../support/browser.ts";
import { completed, messageBox, type PageSiteOptions, pageSite, say } from "../support/page-site.ts";
import { ask, startServed } from "../support/served.ts";

/** A picture of one red pixel. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
  "base64",
);
const PDF = Buffer.from("%PDF-1.4\n%%EOF\n");

/** A file as a person chooses it. */
interface Given {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
  /** So many zeros follow, which are made in the page. */
  readonly zeros?: number;
}

const picture: Given = { name: "red.png", mimeType: "image/png", buffer: PNG };
const letter: Given = { name: "letter.pdf", mimeType: "application/pdf", buffer: PDF };
const notes: Given = { name: "notes.md", mimeType: "", buffer: Buffer.from("# Notes\n\nBuy milk — and bread.") };

/** Resolves when the page takes input. */
function ready(page: Page): Promise<void> {
  return page.locator("#app:not([aria-busy])").waitFor();
}

async function choose(page: Page, ...files: readonly Given[]): Promise<void> {
  await ready(page);
  await page.locator("#picker").setInputFiles([...files]);
}

/** Gives files to the page as the system does it: on the clipboard, or under the pointer. */
async function hand(page: Page, way: "paste" | "drop", files: readonly Given[], text?: string): Promise<void> {
  await ready(page);
  const given = files.map(({ buffer, ...file }) => ({ ...file, data: buffer.toString("base64") }));
  await page.evaluate(
    ({ way, given, text }) => {
      const data = new DataTransfer();
      for (const { name, mimeType, data: base64, zeros = 0 } of given) {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes, new Uint8Array(zeros)], name, { type: mimeType }));
      }
      if (text !== undefined) data.setData("text/plain", text);
      const target = document.querySelector("#text") ?? document.body;
      const shared = { bubbles: true, cancelable: true };
      if (way === "paste") target.dispatchEvent(new ClipboardEvent("paste", { ...shared, clipboardData: data }));
      else {
        target.dispatchEvent(new DragEvent("dragover", { ...shared, dataTransfer: data }));
        target.dispatchEvent(new DragEvent("drop", { ...shared, dataTransfer: data }));
      }
    },
    { way, given, text },
  );
}

const tray = (page: Page) => page.locator("#tray li");
const fault = (page: Page) => page.locator("#tray-fault");

/** Counts the addresses of pictures in the memory of the page, and holds the files of this name while they are read. */
async function watchFiles(page: Page, held: string) {
  await ready(page);
  const watch = await page.evaluateHandle((held) => {
    const addresses = new Set<string>();
    const { createObjectURL, revokeObjectURL } = URL;
    let made = 0;
    URL.createObjectURL = (object) => {
      const address = createObjectURL.call(URL, object);
      addresses.add(address);
      made += 1;
      return address;
    };
    URL.revokeObjectURL = (address) => {
      addresses.delete(address);
      revokeObjectURL.call(URL, address);
    };
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { arrayBuffer } = Blob.prototype;
    File.prototype.arrayBuffer = async function () {
      if (this.name === held) await gate;
      return arrayBuffer.call(this);
    };
    return { figures: () => ({ made, kept: addresses.size }), release };
  }, held);
  return {
    figures: () => watch.evaluate(({ figures }) => figures()),
    release: () => watch.evaluate(({ release }) => release()),
  };
}

const newConversation = (page: Page) => page.getByRole("button", { name: "New conversation" }).click();

describe.skipIf(noBrowser !== undefined)(`attachments on the page${noBrowser ? ` (${noBrowser})` : ""}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());

  const siteWith = (replies: readonly ReplyScript[], options?: PageSiteOptions) => pageSite(browser, replies, options);

  test("a picture, a PDF and a text reach the model, are shown in the question, and are there after a reload", async () => {
    await using site = await siteWith([{ text: "Red." }, { text: "Still red." }]);
    const { page, provider } = site;
    await choose(page, picture, letter, notes);
    await tray(page).nth(2).waitFor();
    expect(await page.locator("#tray img").count()).toBe(1);
    await say(page, "What is this?");
    await completed(page, "Red.");
    expect(await page.locator("#tray").isVisible()).toBe(false);
    const sent = JSON.stringify(provider.requests[0]?.body);
    expect(sent).toContain(`data:image/png;base64,${PNG.toString("base64")}`);
    expect(sent).toContain(`data:application/pdf;base64,${PDF.toString("base64")}`);
    expect(sent).toContain("Buy milk — and bread."); // as text, which every model reads
    expect(sent).toContain("What is this?");
    const shown = () => page.locator(".attached li").allInnerTexts();
    const before = await shown();
    expect(before.map((text) => text.split("\n")[0])).toEqual(["", "letter.pdf", "notes.md"]);
    await page.reload();
    await completed(page, "Red.");
    expect(await shown()).toEqual(before);
    const width = await page.locator(".attached img").evaluate(async (img: HTMLImageElement) => {
      await img.decode();
      return img.naturalWidth;
    });
    expect(width).toBe(1);
    await say(page, "Sure?");
    await completed(page, "Still red.");
    expect(JSON.stringify(provider.requests[1]?.body)).toContain(PNG.toString("base64"));
  });

  test("a picture is pasted, and sent without a word; a table that is pasted stays text", async () => {
    await using site = await siteWith([{ text: "A pixel." }]);
    const { page, provider } = site;
    await messageBox(page).focus();
    await hand(page, "paste", [picture], "1\t2");
    expect(await tray(page).count()).toBe(0);
    expect(await page.getByRole("button", { name: "Send" }).isEnabled()).toBe(false);
    await hand(page, "paste", [{ ...picture, name: "image.png" }]);
    await tray(page).waitFor();
    await page.keyboard.press("Enter");
    await completed(page, "A pixel.");
    expect(await page.locator(".bubble").count()).toBe(0);
    expect(JSON.stringify(provider.requests[0]?.body)).toContain(PNG.toString("base64"));
    expect(await page.title()).toBe("Picture 1 · CloudLLM");
  });

  test("files are dropped anywhere, taken away with the keyboard, and kept for their conversation", async () => {
    await using site = await siteWith([{ text: "Yes." }]);
    const { page } = site;
    await say(page, "Hello");
    await completed(page, "Yes.");
    await hand(page, "drop", [picture, notes]);
    await tray(page).nth(1).waitFor();
    await page.getByRole("button", { name: "New conversation" }).click();
    expect(await tray(page).count()).toBe(0);
    await page.goBack();
    await tray(page).nth(1).waitFor();
    await page.getByRole("button", { name: "Remove Picture 1" }).focus();
    await page.keyboard.press("Enter");
    expect(await tray(page).allInnerTexts()).toEqual([expect.stringContaining("notes.md")]);
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
    expect(await focused()).toBe("Remove notes.md");
    await page.keyboard.press("Enter");
    expect(await tray(page).count()).toBe(0);
    expect(await focused()).toBe("Attach pictures and files");
  });

  test("attachments of a conversation that was left without a message, or deleted, are not kept in memory", async () => {
    await using site = await siteWith([{ text: "Yes." }]);
    const { page } = site;
    const files = await watchFiles(page, "");
    await page.locator("#welcome").waitFor();
    await choose(page, picture);
    await tray(page).waitFor();
    expect(await files.figures()).toEqual({ made: 1, kept: 1 });
    await newConversation(page);
    expect(await files.figures()).toEqual({ made: 1, kept: 0 });
    await say(page, "Hello");
    await completed(page, "Yes.");
    await choose(page, picture);
    await tray(page).waitFor();
    await newConversation(page);
    expect(await files.figures()).toEqual({ made: 2, kept: 1 });
    await page.getByRole("button", { name: "Delete Hello" }).click();
    await page.locator("#confirm").getByRole("button", { name: "Delete" }).click();
    await expect.poll(files.figures).toEqual({ made: 2, kept: 0 });
  });

  test("a file that is read when its conversation is left does not come back, and the next one need not wait", async () => {
    await using site = await siteWith([]);
    const { page } = site;
    const files = await watchFiles(page, picture.name);
    await page.locator("#welcome").waitFor();
    await choose(page, picture);
    expect(await page.locator("#live").textContent()).toBe("Reading files…");
    expect(await page.locator("#tray").getAttribute("aria-busy")).toBe("true");
    await newConversation(page);
    await page.locator("#welcome").waitFor();
    expect(await page.locator("#tray").getAttribute("aria-busy")).toBe("false");
    await files.release();
    await choose(page, notes);
    await tray(page).waitFor();
    expect(await tray(page).allInnerTexts()).toEqual([expect.stringContaining("notes.md")]);
    expect(await files.figures()).toEqual({ made: 0, kept: 0 });
  });

  test("a screen reader hears what is read, attached, removed and refused", async () => {
    await using site = await siteWith([]);
    const { page } = site;
    await ready(page);
    const heard = await page.evaluateHandle(() => {
      const sentences: (string | null)[] = [];
      const live = document.querySelector("#live");
      if (live) new MutationObserver(() => sentences.push(live.textContent)).observe(live, { childList: true });
      return sentences;
    });
    await choose(page, picture, letter);
    await tray(page).nth(1).waitFor();
    await page.getByRole("button", { name: "Remove letter.pdf" }).click();
    await choose(page, notes);
    await tray(page).nth(1).waitFor();
    expect(await heard.jsonValue()).toEqual([
      "Reading files…",
      "2 files attached",
      "Removed letter.pdf",
      "Reading files…",
      "1 file attached",
    ]);
    // An alert that appears with its text is not read by all.
    const box = await fault(page).evaluate((alert) => [getComputedStyle(alert).display, alert.clientHeight]);
    expect(box).toEqual(["block", 0]);
  });

  const large = (name: string, zeros: number): Given => ({ ...picture, name, zeros });

  test.each<readonly [string, readonly Given[], string, number]>([
    [
      "a program",
      [{ name: "app.exe", mimeType: "image/png", buffer: Buffer.from("MZ\0\0\x01") }],
      "app.exe cannot be read by a model. Pictures (PNG, JPEG, GIF, WebP), PDFs and texts can.",
      0,
    ],
    ["an empty file", [{ ...notes, buffer: Buffer.alloc(0) }], "notes.md is empty.", 0],
    ["20 MB", [large("big.png", 20_000_000)], "big.png has 20 MB: attachments have 10 MB at most.", 0],
    [
      "too much together",
      [large("one.png", 6_000_000), large("two.png", 6_000_000), notes],
      "The attachments of a message have 10 MB together at most.",
      2,
    ],
  ])("%s is refused with a sentence, and the rest stays", async (_name, files, sentence, kept) => {
    await using site = await siteWith([]);
    const { page } = site;
    await hand(page, "drop", files);
    await fault(page).getByText(sentence).waitFor();
    expect(await fault(page).getAttribute("role")).toBe("alert");
    expect(await tray(page).count()).toBe(kept);
    await page.locator("#picker").setInputFiles([{ ...picture }]);
    await tray(page).nth(kept).waitFor();
    expect(await fault(page).innerText()).toBe("");
  });

  test("a message is edited with its attachments, of which one is taken away", async () => {
    await using site = await siteWith([{ text: "Both." }, { text: "One." }]);
    const { page, provider } = site;
    await choose(page, picture, notes);
    await tray(page).nth(1).waitFor();
    await say(page, "How many?");
    await completed(page, "Both.");
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByRole("button", { name: "Remove notes.md" }).click();
    await page.getByLabel("Edit your message").fill("");
    await page.locator(".editor").getByRole("button", { name: "Send" }).click();
    await completed(page, "One.");
    const sent = JSON.stringify(provider.requests[1]?.body);
    expect(sent).toContain(PNG.toString("base64"));
    expect(sent).not.toMatch(/milk|How many/);
    await page.reload();
    await completed(page, "One.");
    expect(await page.locator(".attached li").count()).toBe(1);
  });

  test("a model that reads no pictures says so in a sentence, and the conversation goes on without them", async () => {
    await using served = await startServed(["--provider", "embedded"]);
    await using watched = await openPage(browser, served.url);
    const { page } = watched;
    await choose(page, picture);
    await tray(page).waitFor();
    await say(page, "What is this?");
    await page
      .locator(".failure")
      .getByText(/^embedded \(cloudllm-toy\) does not support images\.$/)
      .waitFor();
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByRole("button", { name: "Remove Picture 1" }).click();
    await page.locator(".editor").getByRole("button", { name: "Send" }).click();
    await page.locator(".reply.is-complete").waitFor();
    // The browser itself reports answers with such a status.
    expect(watched.faults).toEqual([expect.stringContaining("status of 400")]);
  });
});

describe("the server refuses what the page does not send", () => {
  const start = (url: string, message: unknown) =>
    ask(
      `${url}/relay`,
      { "content-type": "application/json" },
      { method: "POST", body: JSON.stringify({ run: "r".repeat(22), chat: "c", message }) },
    );

  test.each([
    ["a picture that may hold a script", { type: "image", mediaType: "image/svg+xml", data: "AAAA" }],
    ["an address of the server's network", { type: "image", url: "https://127.0.0.1/x.png" }],
    ["a `data:` address of a page", { type: "image", url: "data:text/html;base64,AAAA" }],
  ])("%s", async (_name, part) => {
    await using served = await startServed(["--provider", "embedded"]);
    const { status, body } = await start(served.url, [part]);
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({
      error: {
        kind: "invalidRequest",
        message: expect.stringMatching(/^`message` has an attachment that .*not allowed/),
      },
    });
  });

  test("more than 16 MiB", async () => {
    await using served = await startServed(["--provider", "embedded"]);
    const data = "A".repeat(17_000_000);
    const { status, body } = await start(served.url, [{ type: "image", mediaType: "image/png", data }]);
    expect(status).toBe(413);
    expect(JSON.parse(body)).toMatchObject({ error: { message: expect.stringMatching(/16777216 bytes|16,777,216/) } });
  });
});
