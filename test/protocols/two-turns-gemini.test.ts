/** A reply goes into the next request as its provider demands it (law 8): Gemini. */

import type { AssistantMessage, Message } from "cloudllm";
import { describe, expect, test } from "vitest";
import { events } from "../support/sent-requests.ts";
import { answer, GO_ON, useTwoTurns } from "./two-turns.ts";

const { recorder, second } = useTwoTurns();

describe("Gemini", () => {
  const NEW = "gemini-3.5-flash";
  const replied = (...parts: readonly object[]) =>
    recorder.replied(
      "gemini",
      NEW,
      events(...parts.map((part) => ({ candidates: [{ content: { role: "model", parts: [part] } }] })), {
        candidates: [{ finishReason: "STOP" }],
        responseId: "r1",
      }),
    );
  const secondOf = (turns: readonly Message[], model = NEW) => second("gemini", model, "contents", turns);
  const goOn = { role: "user", parts: [{ text: "Go on." }] };
  const thought = { text: "hm", thought: true };
  const call = (name: string, more: object = {}, id?: string) => ({
    functionCall: { ...(id && { id }), name, args: { a: 1 } },
    ...more,
  });
  const response = (name: string, output: string, id?: string) => ({
    functionResponse: { ...(id && { id }), name, response: { output } },
  });

  test.each<[string, readonly object[], readonly object[]]>([
    [
      "a signature on the text",
      [thought, { text: "So.", thoughtSignature: "s==" }],
      [{ text: "So.", thoughtSignature: "s==" }],
    ],
    [
      "a signature on an empty text at the end",
      [{ text: "S" }, { text: "o." }, { text: "", thoughtSignature: "s==" }],
      [{ text: "So." }, { text: "", thoughtSignature: "s==" }],
    ],
    [
      "two signed texts",
      [{ text: "S", thoughtSignature: "1" }, { text: "o", thoughtSignature: "2" }, { text: "." }],
      [{ text: "S", thoughtSignature: "1" }, { text: "o", thoughtSignature: "2" }, { text: "." }],
    ],
    [
      "a signed thought",
      [{ ...thought, thoughtSignature: "t" }, { text: "So." }],
      [{ ...thought, thoughtSignature: "t" }, { text: "So." }],
    ],
    [
      "code that ran",
      [
        { executableCode: { code: "1" }, thoughtSignature: "s" },
        { codeExecutionResult: { output: "1" } },
        { text: "So." },
      ],
      [
        { executableCode: { code: "1" }, thoughtSignature: "s" },
        { codeExecutionResult: { output: "1" } },
        { text: "So." },
      ],
    ],
  ])("%s goes back in its part", async (_name, parts, due) => {
    expect(await secondOf([await replied(...parts), GO_ON])).toEqual([{ role: "model", parts: due }, goOn]);
  });

  test("of parallel calls the first has the signature; answers stand together, in the order of the calls", async () => {
    const reply = await replied(thought, call("look", { thoughtSignature: "s==" }), call("look"), call("hear"));
    const [first, next, last] = reply.toolCalls.map(({ id }) => id);
    expect(new Set([first, next, last]).size).toBe(3);
    const answers = [answer(last ?? "", "c"), answer(first ?? "", "a"), answer(next ?? "", "b")];
    expect(await secondOf([reply, ...answers])).toEqual([
      { role: "model", parts: [call("look", { thoughtSignature: "s==" }), call("look"), call("hear")] },
      { role: "user", parts: [response("look", "a"), response("look", "b"), response("hear", "c")] },
    ]);
  });

  test("ids that Gemini gave go back with call and answer, others never", async () => {
    const reply = await replied(call("look", { thoughtSignature: "s" }, "g1"));
    expect(await secondOf([reply, answer("g1", "no", true)])).toEqual([
      { role: "model", parts: [call("look", { thoughtSignature: "s" }, "g1")] },
      { role: "user", parts: [{ functionResponse: { id: "g1", name: "look", response: { error: "no" } } }] },
    ]);
    const foreign: Message = {
      role: "assistant",
      content: "",
      toolCalls: [{ id: "toolu_1", name: "look", arguments: "x" }],
    };
    const signed = {
      functionCall: { name: "look", args: { input: "x" } },
      thoughtSignature: "skip_thought_signature_validator",
    };
    expect(await secondOf([foreign, answer("toolu_1", "a")])).toEqual([
      { role: "model", parts: [signed] },
      { role: "user", parts: [response("look", "a")] },
    ]);
  });

  test("a call that never had a signature says so to newer models, and only to them", async () => {
    const calls = ["a", "b"].map((id) => ({ id, name: "look", arguments: { a: 1 } }));
    const foreign: Message = { role: "assistant", content: "So.", toolCalls: calls };
    const [own] = (await secondOf([foreign, answer("a"), answer("b")])) as { parts: object[] }[];
    expect(own?.parts).toEqual([
      { text: "So." },
      call("look", { thoughtSignature: "skip_thought_signature_validator" }),
      call("look"),
    ]);
    const [older] = (await secondOf([foreign, answer("a"), answer("b")], "gemini-2.5-flash")) as { parts: object[] }[];
    expect(older?.parts).toEqual([{ text: "So." }, call("look"), call("look")]);
  });

  test("a step after a step keeps the signature of each", async () => {
    const one = await replied(call("look", { thoughtSignature: "1" }));
    const two = await replied(call("hear", { thoughtSignature: "2" }));
    const idOf = ({ toolCalls }: AssistantMessage) => toolCalls[0]?.id ?? "";
    expect(await secondOf([one, answer(idOf(one), "a"), two, answer(idOf(two), "b")])).toEqual([
      { role: "model", parts: [call("look", { thoughtSignature: "1" })] },
      { role: "user", parts: [response("look", "a")] },
      { role: "model", parts: [call("hear", { thoughtSignature: "2" })] },
      { role: "user", parts: [response("hear", "b")] },
    ]);
  });

  test("a reply that was cut or changed goes as its words", async () => {
    const reply = await replied({ text: "So.", thoughtSignature: "s" });
    const plain = [{ role: "model", parts: [{ text: "So." }] }, goOn];
    expect(await secondOf([{ ...reply, interrupted: true }, GO_ON])).toEqual(plain);
    expect(await secondOf([{ ...reply, content: "So!" }, GO_ON])).toEqual([
      { role: "model", parts: [{ text: "So!" }] },
      goOn,
    ]);
  });
});
