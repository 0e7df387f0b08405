/** The output of a process of a test, as far as it has come. */

import type { ChildProcess } from "node:child_process";

/** What a process has written. */
export interface ChildOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** Collects what a process writes. Its pipes must be open. */
export function outputOf({ stdout, stderr }: ChildProcess): ChildOutput {
  const output = { stdout: "", stderr: "" };
  stdout?.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  stderr?.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  return output;
}
