import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { commandOf } from "../../src/cli/arguments.ts";
import { optionInShell } from "../../src/cli/shell-word.ts";

test.each([
  ["poems", "--session poems"],
  ["2026-11-24-1539", "--session 2026-11-24-1539"],
  ["my poems", "--session 'my poems'"],
  ["it's $HOME `x` \"!", `--session 'it'\\''s $HOME \`x\` "!'`],
  ["-rf", "--session=-rf"],
  ["- rf", "--session='- rf'"],
  ["好", "--session '好'"],
])("the option that names the session %j is %s, and is read as it was meant", (name, said) => {
  expect(optionInShell("--session", name)).toBe(said);
  if (process.platform === "win32") return; // no shell of this kind
  const words = execFileSync("/bin/sh", ["-c", `printf '%s\\0' chat ${said}`], { encoding: "utf8" });
  expect(commandOf(words.split("\0").slice(0, -1))).toMatchObject({ name: "chat", settings: { session: name } });
});
