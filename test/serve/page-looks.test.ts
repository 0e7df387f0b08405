/** How the chat page looks and reads: phones, dark, screen readers, no jumps. Takes the pictures of the documents. */

import { Gate, type ReplyScript } from "cloudllm/testing";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, noBrowser, picture, wantsScreenshots } from "../support/browser.ts";
import { completed, messageBox, type PageSiteOptions, pageSite, reply, say } from "../support/page-site.ts";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

const RAINBOW = `A rainbow forms when sunlight enters a raindrop, bends, reflects **once** inside it and bends again on its way out.

Each colour bends by a slightly different angle, so the drop works like a tiny prism:

| Colour | Wavelength | Angle |
|:--|--:|--:|
| Red | 700 nm | 42.4° |
| Violet | 400 nm | 40.6° |

The angle follows from the refractive index:

\`\`\`python
def rainbow_angle(n: float) -> float:
    """Deviation of light in a drop with refractive index n."""
    angles = (math.radians(i / 10) for i in range(1, 900))
    return math.degrees(max(4 * asin(sin(a) / n) - 2 * a for a in angles))

print(rainbow_angle(1.331))  # 42.4
\`\`\`
`;

const WIDE = `${"A_word_without_an_end".repeat(20)}

| ${Array.from({ length: 12 }, (_, column) => `column ${column}`).join(" | ")} |
|${"--|".repeat(12)}

\`\`\`
${"x = 1; ".repeat(60)}
\`\`\`

https://example.com/${"a-long-path/".repeat(20)}

${Array.from({ length: 60 }, (_, depth) => `${"  ".repeat(depth)}- ${depth}`).join("\n")}

${"> ".repeat(60)}quoted
`;

describe.skipIf(noBrowser !== undefined)(`the page${noBrowser ? ` (${noBrowser})` : ""}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());

  const siteWith = (replies: readonly ReplyScript[], options?: PageSiteOptions) => pageSite(browser, replies, options);

  const scrollsSideways = (page: Page) =>
    page.evaluate(() => {
      const box = document.querySelector("#thread");
      const isWide = (element: Element | null) => element !== null && element.scrollWidth > element.clientWidth;
      return isWide(document.documentElement) || isWide(box);
    });

  test("is worth a picture", async () => {
    const ending = { usage: { inputTokens: 31, outputTokens: 274 } };
    const steps = [
      { reasoning: "Refraction, one reflection, dispersion. A table of angles will help." },
      { text: RAINBOW },
    ];
    const options = { args: ["--provider", "openai"], env: { OPENAI_API_KEY: "sk-of-the-tests" } };
    const opensAfter = wantsScreenshots ? 380 : 0;
    await using site = await siteWith([{ text: "Yes." }, { text: "Oslo" }, { steps, ending, opensAfter }], options);
    const { page } = site;
    for (const [question, answer] of [
      ["Is 561 a prime number?", "Yes."],
      ["Capital of Norway?", "Oslo"],
    ] as const) {
      await say(page, question);
      await completed(page, answer);
      await page.getByRole("link", { name: question }).waitFor();
      await page.getByRole("button", { name: "New conversation" }).click();
    }
    await say(page, "How does a rainbow form?");
    await completed(page, "42.4");
    await page.locator(".figures", { hasText: "$" }).waitFor();
    await page.getByRole("link", { name: "How does a rainbow form?" }).waitFor();
    await page.setViewportSize({ width: 1_180, height: 860 });
    await page.mouse.move(700, 500);
    await page.evaluate(() => document.querySelector("#thread")?.scrollTo(0, 0));
    await picture(page, "serve-light");
    await page.emulateMedia({ colorScheme: "dark" });
    await picture(page, "serve-dark");
    await page.setViewportSize(PHONE.viewport);
    await page.evaluate(() => document.querySelector("#thread")?.scrollTo(0, 0));
    await picture(page, "serve-phone");
    expect(await scrollsSideways(page)).toBe(false);
  });

  test("is painted before its program has run, and does not move when it has", async () => {
    await using site = await siteWith([]);
    const { page, watched } = site;
    const frame = () =>
      page.evaluate(() =>
        ["sidebar", "new", "chats", "theme", "title", "composer", "text"].map((id) => {
          const { left, top, height } = document.getElementById(id)?.getBoundingClientRect() ?? new DOMRect();
          return [id, left, top, height];
        }),
      );
    await page.getByText("What would you like to know?").waitFor();
    const complete = await frame();
    await page.route("**/main.js", (route) => route.abort());
    await page.reload();
    await messageBox(page).waitFor();
    expect(await frame()).toEqual(complete);
    watched.faults.splice(0);
  });

  test("fits a phone, whatever a model writes", async () => {
    await using site = await siteWith([{ text: WIDE }], { context: PHONE });
    const { page } = site;
    await messageBox(page).fill(`${"unbroken".repeat(40)}`);
    await page.getByRole("button", { name: "Send" }).click();
    await completed(page, "column 11");
    expect(await scrollsSideways(page)).toBe(false);
    for (const name of ["Copy", "Send", "Open the list of conversations"]) {
      const box = await page.getByRole("button", { name }).first().boundingBox();
      expect(Math.min(box?.width ?? 0, box?.height ?? 0), name).toBeGreaterThanOrEqual(36);
    }
  });

  test("has its list in a drawer on a phone, which keeps the focus and closes with Escape", async () => {
    await using site = await siteWith([{ text: "One" }], { context: PHONE });
    const { page } = site;
    await messageBox(page).fill("A question");
    await page.getByRole("button", { name: "Send" }).click();
    await completed(page, "One");
    expect(await page.getByRole("link", { name: "A question" }).isVisible()).toBe(false);
    await page.getByRole("button", { name: "Open the list of conversations" }).click();
    await page.getByRole("link", { name: "A question" }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("close-menu");
    expect(await page.locator("#main").evaluate((main: HTMLElement) => main.inert)).toBe(true);
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "A question" }).waitFor({ state: "hidden" });
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("open-menu");
  });

  test.each(["light", "dark"] as const)("has enough contrast, %s", async (colorScheme) => {
    const citation = { url: "https://example.com/", title: "A source" };
    const steps = [{ reasoning: "Hm" }, { text: RAINBOW }, { citation }];
    const options = {
      args: ["--provider", "openai"],
      env: { OPENAI_API_KEY: "sk-of-the-tests" },
      context: { colorScheme },
    };
    await using site = await siteWith([{ steps }], options);
    const { page } = site;
    await say(page, "How?");
    await completed(page, "42.4");
    expect(await page.evaluate(faintTexts)).toEqual([]);
  });

  test("keeps the colours that were chosen, also after a reload", async () => {
    await using site = await siteWith([], { context: { colorScheme: "light" } });
    const { page } = site;
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await ground();
    const button = page.getByRole("button", { name: /^Colours/ });
    await button.click();
    await button.click();
    expect(await button.innerText()).toBe("Colours: dark");
    const dark = await ground();
    expect(dark).not.toBe(light);
    await page.reload();
    expect(await ground()).toBe(dark);
    await button.click();
    expect(await ground()).toBe(light);
  });

  test("says to a screen reader that a reply is written and what it is, and not each word", async () => {
    const gate = new Gate();
    await using site = await siteWith([{ steps: [{ text: "Hello **th" }, { pause: gate }, { text: "ere**" }] }]);
    const { page } = site;
    const live = page.locator("#live");
    await say(page, "Hi");
    await reply(page, "Hello th").waitFor();
    expect(await live.innerText()).toBe("Sent. The reply is being written.");
    expect(await page.locator(".reply").getAttribute("aria-busy")).toBe("true");
    expect(await page.locator("[aria-live]:not(#live), [role=log]").count()).toBe(0);
    gate.open();
    await completed(page, "Hello there");
    expect(await live.innerText()).toBe("Reply: Hello there");
    expect(await page.locator(".reply").getAttribute("aria-busy")).toBeNull();
  });

  test("says nothing more of a reply that has failed, but for the failure", async () => {
    await using site = await siteWith([{ refusal: { status: 400, message: "No." } }]);
    const { page, watched } = site;
    await say(page, "Hi");
    await page.getByRole("alert").getByText("No.").waitFor();
    expect(await page.locator("#live").textContent()).toBe("");
    expect(watched.faults.splice(0)).toEqual([expect.stringContaining("status of 400")]);
  });

  test("shows each paragraph in the direction of its script", async () => {
    await using site = await siteWith([{ text: "مرحبا بالعالم\n\n- عنصر\n\n```js\nx = 1\n```\n\nEnglish again" }]);
    const { page } = site;
    await say(page, "שלום");
    await completed(page, "English again");
    const startsAt = (text: string) =>
      page.getByText(text, { exact: true }).evaluate((element) => {
        const range = document.createRange();
        range.selectNodeContents(element);
        const [words, box] = [range.getBoundingClientRect(), element.getBoundingClientRect()];
        return box.right - words.right < words.left - box.left ? "right" : "left";
      });
    expect(await startsAt("مرحبا بالعالم")).toBe("right");
    expect(await startsAt("English again")).toBe("left");
    const directions = await page
      .locator(".bubble, .prose, .prose pre")
      .evaluateAll((elements) => elements.map((element) => getComputedStyle(element).direction));
    expect(directions).toEqual(["rtl", "rtl", "ltr"]);
  });

  test("gives everything that can be operated a name, and one first heading", async () => {
    await using site = await siteWith([{ text: RAINBOW }]);
    const { page } = site;
    await say(page, "How?");
    await completed(page, "42.4");
    expect(await page.evaluate(namelessControls)).toEqual([]);
    expect(await page.locator("h1:visible").count()).toBe(1);
    expect(await page.getByRole("heading", { name: "Reply" }).count()).toBe(1);
  });

  test("can be used with the keyboard alone", async () => {
    await using site = await siteWith([{ text: "One" }, { text: "Two" }]);
    const { page } = site;
    await say(page, "First");
    await completed(page, "One");
    const tabTo = async (name: string) => {
      for (let steps = 0; steps < 30; steps++) {
        await page.keyboard.press("Shift+Tab");
        const label = await page.evaluate(() => document.activeElement?.textContent ?? "");
        if (label === name) return;
      }
      throw new Error(`${name} cannot be reached`);
    };
    await tabTo("Write again");
    await page.keyboard.press("Enter");
    await completed(page, "Two");
    await messageBox(page).focus();
    await tabTo("First");
    await page.keyboard.press("Enter");
    await completed(page, "Two");
    await tabTo("Skip to the message box");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("text");
    expect(await page.locator(".turn").count(), "the conversation stays").toBe(2);
  });

  test("does not move what is read while a reply grows, and comes back to its end", async () => {
    const gate = new Gate();
    const long = Array.from({ length: 60 }, (_, index) => `Paragraph ${index}.\n\n`);
    await using site = await siteWith([
      { text: long },
      { steps: [{ text: long }, { pause: gate }, { text: ["More.\n\n", "End."] }] },
    ]);
    const { page } = site;
    const place = () =>
      page
        .locator("#thread")
        .evaluate((box) => ({ top: box.scrollTop, rest: box.scrollHeight - box.clientHeight - box.scrollTop }));
    await say(page, "Long");
    await completed(page, "Paragraph 59.");
    expect((await place()).rest).toBeLessThan(13);
    await say(page, "Again");
    await expect.poll(() => page.locator(".reply").last().innerText()).toContain("Paragraph 59.");
    await page.locator("#thread").hover();
    await page.mouse.wheel(0, -700);
    await expect.poll(async () => (await place()).rest).toBeGreaterThan(300);
    const read = await place();
    gate.open();
    await completed(page, "End.");
    expect((await place()).top).toBe(read.top);
    await page.getByRole("button", { name: "Go to the end of the conversation" }).click();
    await expect.poll(async () => (await place()).rest).toBeLessThan(13);
  });

  test("does not jump when a reply begins and when it ends", async () => {
    const before = new Gate();
    const gate = new Gate();
    await using site = await siteWith([
      { opensAfter: before, steps: [{ text: "Hello" }, { pause: gate }, { text: " there" }] },
    ]);
    const { page } = site;
    await say(page, "Hi");
    await page.locator(".waiting").waitFor();
    const height = () => page.locator(".reply").evaluate((element) => element.getBoundingClientRect().height);
    const waiting = await height();
    before.open();
    await reply(page, "Hello").waitFor();
    expect(Math.abs((await height()) - waiting)).toBeLessThan(2);
    gate.open();
    await completed(page, "Hello there");
    expect(Math.abs((await height()) - waiting)).toBeLessThan(2);
  });
});

/** Texts whose contrast with their ground is below 4.5 to 1. Runs in the page. */
function faintTexts(): string[] {
  const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([red = 0, green = 0, blue = 0]: number[]) => {
    const [r = 0, g = 0, b = 0] = [red, green, blue].map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (element: Element | null): number[] => {
    for (let each = element; each; each = each.parentElement) {
      const color = channels(getComputedStyle(each).backgroundColor);
      if ((color[3] ?? 1) > 0) return color;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const faint = new Set<string>();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.textContent?.trim() ?? "";
    if (!element || text === "" || !element.checkVisibility({ opacityProperty: true })) continue;
    const [high = 0, low = 0] = [
      luminance(channels(getComputedStyle(element).color)),
      luminance(groundOf(element)),
    ].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) faint.add(`${text.slice(0, 30)}: ${contrast.toFixed(2)}`);
  }
  return [...faint];
}

/** Buttons, links and fields without a name. Runs in the page. */
function namelessControls(): string[] {
  return [...document.querySelectorAll("button, a, input, textarea, summary, [tabindex='0']")]
    .filter((element) => element.checkVisibility())
    .filter((element) => {
      const label = element.getAttribute("aria-label") ?? (element as HTMLInputElement).labels?.[0]?.textContent;
      return (label ?? element.textContent ?? "").trim() === "";
    })
    .map((element) => element.outerHTML.slice(0, 120));
}
