/** A command that cannot be carried out, in one sentence for the person who gave it. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** 1: it failed. 2: it was not understood. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}
