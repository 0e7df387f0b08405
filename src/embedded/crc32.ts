/** CRC-32 as in zlib and PNG: detects a file that was cut or altered on its way. */

let table: Uint32Array | undefined;

/** Returns the checksum, as an unsigned 32-bit integer. */
export function crc32(bytes: Uint8Array): number {
  table ??= createTable();
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

function createTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    return crc;
  });
}
