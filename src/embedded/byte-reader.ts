/** Reads little-endian numbers and strings, one after another, never beyond the end. */

/** Reads forward. `what` says in an error which value could not be read. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  /** Makes the error out of the fault's description. */
  readonly fault: (what: string) => Error;
  offset = 0;

  constructor(bytes: Uint8Array, fault: (what: string) => Error) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.fault = fault;
  }

  u8(what: string): number {
    return this.#view.getUint8(this.#take(1, what));
  }

  i8(what: string): number {
    return this.#view.getInt8(this.#take(1, what));
  }

  u16(what: string): number {
    return this.#view.getUint16(this.#take(2, what), true);
  }

  i16(what: string): number {
    return this.#view.getInt16(this.#take(2, what), true);
  }

  u32(what: string): number {
    return this.#view.getUint32(this.#take(4, what), true);
  }

  i32(what: string): number {
    return this.#view.getInt32(this.#take(4, what), true);
  }

  f32(what: string): number {
    return this.#view.getFloat32(this.#take(4, what), true);
  }

  u64(what: string): number {
    return Number(this.#view.getBigUint64(this.#take(8, what), true));
  }

  i64(what: string): number {
    return Number(this.#view.getBigInt64(this.#take(8, what), true));
  }

  f64(what: string): number {
    return this.#view.getFloat64(this.#take(8, what), true);
  }

  /** Reads a 64-bit count, of at most `most`. */
  count(most: number, what: string): number {
    const count = this.u64(what);
    if (count > most) throw this.fault(`${what} is ${count}, above the limit of ${most}`);
    return count;
  }

  /** Reads a string with its length before it. */
  text(what: string): string {
    const length = this.count(this.#bytes.length, `the length of ${what}`);
    const start = this.#take(length, what);
    try {
      return this.#decoder.decode(this.#bytes.subarray(start, start + length));
    } catch {
      throw this.fault(`${what} is not UTF-8`);
    }
  }

  ascii(length: number, what: string): string {
    const start = this.#take(length, what);
    return String.fromCharCode(...this.#bytes.subarray(start, start + length));
  }

  #take(length: number, what: string): number {
    const start = this.offset;
    if (start + length > this.#bytes.length)
      throw this.fault(`it ends after ${this.#bytes.length} bytes, in the middle of ${what}`);
    this.offset += length;
    return start;
  }
}
