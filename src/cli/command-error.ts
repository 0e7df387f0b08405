/** A command that failed, with a sentence for the user. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** 1: it failed. 2: it was not understood. */
  readonly exitCode: 1 | 2;
  /** The message line by line. Each is shown as one line, since it may quote foreign text. */
  readonly lines: readonly string[];

  constructor(message: string | readonly string[], exitCode: 1 | 2, cause?: unknown) {
    const lines = typeof message === "string" ? [message] : message;
    super(lines.join("\n"), cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
    this.lines = lines;
  }
}
