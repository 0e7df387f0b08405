/** `useChat` of the AI SDK: the parts of messages that a page keeps, as turns of a conversation that a model accepts. */

import { aiSdk, memoryLog, type RelayOptions } from "cloudllm/server";
import { describe, expect } from "vitest";
import { MemoryStore, type Message, type Tool } from "../../src/index.ts";
import { Gate } from "../../src/testing/index.ts";
import { aiSdkVersions, partsOf, textOf, until, untilText, useAiSdk } from "../support/ai-sdk.ts";
import { type ChunksReply, chunk, chunksClient, text } from "../support/chunks-client.ts";
import { type RelaySite, relaySite } from "../support/relay-site.ts";

const SECRET = "a secret of at least thirty-two letters";

/** Where a conversation may be kept. */
const PLACES: readonly (readonly [string, Partial<RelayOptions>])[] = [
  ["the relay keeps it", { sessions: { store: new MemoryStore() } }],
  ["the relay signs its calls", { secret: SECRET }],
  ["the page keeps it", { history: "client", secret: SECRET }],
];

const open: Omit<RelayOptions, "client"> = {
  authorize: "public",
  dialect: aiSdk,
  onError: () => undefined,
  expose: { reasoning: true, providerTools: true },
};

function inShort({ role, content, ...more }: Message): string {
  const calls = "toolCalls" in more && more.toolCalls ? more.toolCalls.map(({ name }) => ` +${name}`).join("") : "";
  return `${role}: ${typeof content === "string" ? content : JSON.stringify(content)}${calls}`;
}

/** A relay whose model plays chunks, and the conversations that it was asked. */
async function site(replies: readonly ChunksReply[], options: Partial<RelayOptions>) {
  const client = chunksClient(replies);
  const at: RelaySite = await relaySite([], { ...open, log: memoryLog(), ...options, client });
  return { ...at, asked: () => (client.calls.at(-1) ?? []).map(inShort) };
}

describe.each(aiSdkVersions)("ai $title", (version) => {
  const { scene, open: openPage } = useAiSdk(version);

  describe.each(PLACES)("where %s", (_name, options) => {
    scene("thinking, sources, pictures and the provider's own tools stay out of the next question", async () => {
      const reply: ChunksReply = [
        chunk("reasoning", { reasoning: "Hm." }),
        chunk("providerToolCall", { providerToolCall: { id: "s1", name: "web_search", arguments: { q: "Oslo" } } }),
        text("Cold."),
        chunk("citation", { url: "https://a.example/", title: "A" }),
      ];
      await using at = await site([reply, [text("Yes.")]], options);
      const page = await openPage({ url: at.url });
      await page.call("sendMessage", { text: "Weather?" });
      const view = await page.call("sendMessage", { text: "Sure?" });
      expect([view.error, view.messages.map(textOf)]).toEqual([undefined, ["Weather?", "Cold.", "Sure?", "Yes."]]);
      expect(at.asked()).toEqual(["user: Weather?", "assistant: Cold.", "user: Sure?"]);
    });

    scene("a call whose arguments a stop cut off is in no later question", async () => {
      const gate = new Gate();
      const half = chunk("toolCallDelta", { index: 0, id: "c1", name: "weather", argumentsDelta: '{"city":"Os' });
      await using at = await site([[text("I look. "), half, gate, text("Never")], [text("Yes.")]], {
        tools: [{ name: "weather", run: () => "cold" }],
        ...options,
      });
      const page = await openPage({ url: at.url });
      await page.begin("sendMessage", { text: "Weather?" });
      await until(page, ({ messages }) => partsOf(messages[1]).includes("tool-weather:input-streaming"));
      await page.call("stop");
      const view = await page.call("sendMessage", { text: "Never mind." });
      expect([view.error, textOf(view.messages.at(-1))]).toEqual([undefined, "Yes."]);
      expect(at.asked()).toEqual(["user: Weather?", "assistant: I look. ", "user: Never mind."]);
    });

    scene("a reply that a stop cut off is as far as it came in the next question", async () => {
      const gate = new Gate();
      await using at = await site([[text("Hello "), gate, text("Ada")], [text("Yes.")]], options);
      const page = await openPage({ url: at.url });
      await page.begin("sendMessage", { text: "Hi" });
      await untilText(page, "Hello ");
      await page.call("stop");
      const view = await page.call("sendMessage", { text: "Go on" });
      expect([view.error, view.messages.map(textOf)]).toEqual([undefined, ["Hi", "Hello ", "Go on", "Yes."]]);
      expect(at.asked()).toEqual(["user: Hi", "assistant: Hello ", "user: Go on"]);
    });

    scene("parts of the application's own, and a file alone, are a question that the model can read", async () => {
      await using at = await site([[text("Seen.")]], options);
      const page = await openPage({ url: at.url });
      const { status, error } = await page.call("sendMessage", {
        metadata: { sentAt: 1 },
        parts: [
          { type: "data-place", data: { city: "Oslo" } },
          { type: "file", mediaType: "image/png", url: "data:image/png;base64,aGk=" },
        ],
      });
      expect({ status, error }).toEqual({ status: "ready", error: undefined });
      expect(at.asked()).toEqual(['user: [{"type":"image","data":"aGk=","mediaType":"image/png"}]']);
    });
  });
});

describe.each(aiSdkVersions.filter(({ approves }) => approves))("approvals in ai $title", (version) => {
  const { scene, open: openPage } = useAiSdk(version);
  const call = (id: string) => chunk("toolCall", { toolCall: { id, name: "pay", arguments: { to: id } } });

  function bank(): { readonly pay: Tool; readonly paid: readonly unknown[] } {
    const paid: unknown[] = [];
    const run = ({ to }: { readonly to: string }): string => {
      paid.push(to);
      return "paid";
    };
    return { paid, pay: { name: "pay", approve: "ask", run } as Tool };
  }

  describe.each(PLACES)("where %s", (_name, options) => {
    scene("the reply goes on by itself when each of several calls has its decision", async () => {
      const { pay, paid } = bank();
      const toolCalls = ["a", "b"].map((id) => ({ toolCall: { id, name: "pay", arguments: { to: id } } }));
      await using at = await relaySite([{ steps: toolCalls }, { text: "One of two." }], {
        ...open,
        log: memoryLog(),
        tools: [pay],
        ...options,
      });
      const page = await openPage({ url: at.url, again: ["approvals"] });
      await page.call("sendMessage", { text: "Pay both" });
      await page.begin("addToolApprovalResponse", { id: "a", approved: true });
      await page.begin("addToolApprovalResponse", { id: "b", approved: false, reason: "Too much." });
      const view = await until(page, ({ messages }) => textOf(messages[1]) === "One of two.");
      expect([view.error, paid, view.messages.length]).toEqual([undefined, ["a"], 2]);
      expect(partsOf(view.messages[1]).filter((part) => part.startsWith("tool-"))).toEqual([
        "tool-pay:output-available",
        "tool-pay:output-denied",
      ]);
      expect(at.provider.calls[1]?.messages.slice(-2)).toMatchObject([
        { role: "tool", toolCallId: "a", content: "paid" },
        { role: "tool", toolCallId: "b", isError: true },
      ]);
    });

    scene("a question in the place of a decision closes the call, which never runs", async () => {
      const { pay, paid } = bank();
      await using at = await site([[text("I ask. "), call("a")], [text("Fine.")]], { tools: [pay], ...options });
      const page = await openPage({ url: at.url });
      await page.call("sendMessage", { text: "Pay" });
      const view = await page.call("sendMessage", { text: "Forget it." });
      expect([view.error, textOf(view.messages.at(-1)), paid]).toEqual([undefined, "Fine.", []]);
      const asked = at.asked();
      expect([asked[0], asked.at(-1)]).toEqual(["user: Pay", "user: Forget it."]);
    });
  });
});

describe.each(aiSdkVersions.filter(({ packageName }) => packageName === "ai"))("steering in ai $title", (version) => {
  const { scene, open: openPage } = useAiSdk(version);

  scene("what the user said while an earlier server wrote a reply is said between its steps", async () => {
    await using at = await site([[text("Yes.")]], { history: "client" });
    const said = (words: string) => ({ type: "text", text: words });
    const steered = { type: "steering-message", id: "s1", parts: [said("In Oslo.")] };
    const messages = [
      { id: "u1", role: "user", parts: [said("Weather?")] },
      {
        id: "a1",
        role: "assistant",
        parts: [{ type: "step-start" }, said("I look."), steered, { type: "step-start" }, said("Cold.")],
      },
    ];
    const page = await openPage({ url: at.url, messages });
    const view = await page.call("sendMessage", { text: "Sure?" });
    expect([view.error, textOf(view.messages.at(-1))]).toEqual([undefined, "Yes."]);
    expect(at.asked()).toEqual([
      "user: Weather?",
      "assistant: I look.",
      "user: In Oslo.",
      "assistant: Cold.",
      "user: Sure?",
    ]);
  });
});
