/** A terminal that is none: what a person would see, as text. */

import { EventEmitter } from "node:events";
import { PassThrough, Writable } from "node:stream";
import type { ProcessStreams } from "../../src/cli/terminal.ts";

/** Keeps what is written. Two of them may share one record, as stdout and stderr share a screen. */
class Recorder extends Writable {
  readonly columns = 80;
  readonly isTTY: boolean;
  readonly #record: string[];

  constructor(record: string[], isTTY: boolean) {
    super({ decodeStrings: false });
    this.#record = record;
    this.isTTY = isTTY;
  }

  override _write(text: string, _encoding: BufferEncoding, done: () => void): void {
    this.#record.push(String(text));
    done();
  }
}

class Keys extends PassThrough {
  readonly isTTY: boolean;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  setRawMode(): this {
    return this;
  }
}

export interface Screen extends ProcessStreams {
  readonly stdin: PassThrough;
  /** Everything written so far, to whichever output. */
  written(): string;
  /** As if the process got SIGINT. */
  interrupt(): void;
}

/** Which of the three are terminals; default: all. */
export function createScreen(terminals: { stdin?: boolean; stdout?: boolean; stderr?: boolean } = {}): Screen {
  const { stdin = true, stdout = true, stderr = true } = terminals;
  const record: string[] = [];
  const signals = new EventEmitter();
  return {
    stdin: new Keys(stdin),
    stdout: new Recorder(record, stdout),
    stderr: new Recorder(record, stderr),
    on: (event, listener) => signals.on(event, listener),
    off: (event, listener) => signals.off(event, listener),
    written: () => record.join(""),
    interrupt: () => void signals.emit("SIGINT"),
  };
}
