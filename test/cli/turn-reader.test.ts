import { describe, expect, test } from "vitest";
import { type Turn, TurnReader } from "../../src/cli/turn-reader.ts";

function turnsOf(...lines: readonly string[]): readonly Turn[] {
  const reader = new TurnReader();
  const turns = lines.map((line) => reader.push(line));
  return [...turns, reader.rest()].filter((turn) => turn !== undefined);
}

const say = (text: string): Turn => ({ type: "say", text });

describe("lines make turns", () => {
  test.each<[string, string[], Turn[]]>([
    ["one line is one turn", ["Hello", "again"], [say("Hello"), say("again")]],
    ["empty lines are none", ["", "  ", "Hi"], [say("Hi")]],
    ["a backslash continues in the next line", ["one\\", "two\\", "three"], [say("one\ntwo\nthree")]],
    ["input may end after a backslash", ["one\\"], [say("one")]],
    ["a block holds any line", ['"""', "/help", "", "two", '"""'], [say("/help\n\ntwo")]],
    ["a block may begin and end within its lines", ['"""one', 'two"""', "three"], [say("one\ntwo"), say("three")]],
    ["a block of one line", ['"""/not a command"""'], [say("/not a command")]],
    ["an open block is what it is at the end", ['"""one', "two"], [say("one\ntwo")]],
    ["pasted lines stay together", ["/etc\n/usr", "x"], [say("/etc\n/usr"), say("x")]],
    ["a command", ["/model"], [{ type: "command", name: "model", argument: "" }]],
    [
      "a command and what it is about",
      ["/system  Be brief. "],
      [{ type: "command", name: "system", argument: "Be brief." }],
    ],
    ["a slash alone is a command without a name", ["/"], [{ type: "command", name: "", argument: "" }]],
    ["a blank before the slash makes it text", [" /etc/passwd?"], [say("/etc/passwd?")]],
    ["no command within a turn", ["one\\", "/quit"], [say("one\n/quit")]],
  ])("%s", (_name, lines, turns) => expect(turnsOf(...lines)).toEqual(turns));

  test("what was begun can be forgotten", () => {
    const reader = new TurnReader();
    reader.push('"""one');
    expect(reader.isOpen).toBe(true);
    reader.clear();
    expect(reader.isOpen).toBe(false);
    expect(reader.push("two")).toEqual(say("two"));
  });
});
