/** Writes GGUF files for tests: other models, and the same model in another form. */

/** A plain number is an unsigned one; lists are told by their elements. */
export type Entry = readonly [
  key: string,
  value: string | number | { readonly float: number } | boolean | readonly string[] | Float32Array | Int32Array,
];

export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A whole file, tensors as F32. */
export function writeGguf(entries: readonly Entry[], tensors: readonly TensorToWrite[]): Uint8Array {
  const out = new Bytes();
  out.raw(new TextEncoder().encode("GGUF")).u32(3).u64(tensors.length).u64(entries.length);
  for (const [key, value] of entries) {
    out.text(key);
    writeValue(out, value);
  }
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    out.text(name).u32(shape.length);
    for (const size of shape) out.u64(size);
    out.u32(0).u64(offset);
    offset += Math.ceil(data.byteLength / 32) * 32;
  }
  for (const { data } of tensors) out.align(32).raw(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return out.align(32).all();
}

function writeValue(out: Bytes, value: Entry[1]): void {
  if (typeof value === "string") out.u32(8).text(value);
  else if (typeof value === "boolean") out.u32(7).raw(Uint8Array.of(Number(value)));
  else if (typeof value === "number") out.u32(4).u32(value);
  else if ("float" in value) out.u32(6).f32(value.float);
  else if (value instanceof Float32Array) {
    out.u32(9).u32(6).u64(value.length);
    for (const number of value) out.f32(number);
  } else if (value instanceof Int32Array) {
    out.u32(9).u32(5).u64(value.length);
    for (const number of value) out.u32(number);
  } else {
    out.u32(9).u32(8).u64(value.length);
    for (const text of value) out.text(text);
  }
}

class Bytes {
  #bytes = new Uint8Array(1024);
  #length = 0;

  raw(bytes: Uint8Array): this {
    if (this.#length + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#length + bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  u32(value: number): this {
    const view = new DataView(new ArrayBuffer(4));
    view.setInt32(0, value, true);
    return this.raw(new Uint8Array(view.buffer));
  }

  f32(value: number): this {
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, value, true);
    return this.raw(new Uint8Array(view.buffer));
  }

  u64(value: number): this {
    return this.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32));
  }

  text(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u64(bytes.length).raw(bytes);
  }

  align(size: number): this {
    return this.raw(new Uint8Array((size - (this.#length % size)) % size));
  }

  all(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
