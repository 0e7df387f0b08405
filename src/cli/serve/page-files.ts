/** The files of the chat page, as they are sent. They are read once, at the start. */

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { CommandError } from "../command-error.ts";

/** One file, and the headers that go with it. */
export interface PageFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly gzipped: Uint8Array<ArrayBuffer>;
  readonly type: string;
  /** Changes with the bytes. */
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
};

/** The built page. From the sources and from the built files, the package's folder is two folders up. */
const FOLDER = new URL("../../../dist/page/", import.meta.url);
const BUILT_FOLDER = new URL("../page/", import.meta.url);

/**
 * Returns the files of the page by their paths; the page itself is `/`.
 * @throws {CommandError} when the page is not there
 */
export async function readPage(): Promise<ReadonlyMap<string, PageFile>> {
  const folder = import.meta.url.endsWith(".ts") ? FOLDER : BUILT_FOLDER;
  try {
    const names = await readdir(folder);
    const files = await Promise.all(
      names.map(
        async (name) => [name === "index.html" ? "/" : `/${name}`, await fileAt(new URL(name, folder))] as const,
      ),
    );
    return new Map(files);
  } catch (error) {
    throw new CommandError(`The page is missing in ${fileURLToPath(folder)}: npm run build makes it.`, 1, error);
  }
}

async function fileAt(url: URL): Promise<PageFile> {
  const bytes = new Uint8Array(await readFile(url));
  return {
    bytes,
    gzipped: new Uint8Array(await promisify(gzip)(bytes, { level: 9 })),
    type: TYPES[extname(url.pathname)] ?? "application/octet-stream",
    etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`,
  };
}

/** Returns the answer to a request for a file: compressed where the browser takes that, empty where it has the file. */
export function fileResponse({ bytes, gzipped, type, etag }: PageFile, headers: Headers): Response {
  const shared = { "content-type": type, "cache-control": "no-cache", vary: "accept-encoding", etag };
  if (headers.get("if-none-match") === etag) return new Response(null, { status: 304, headers: shared });
  if (!/\bgzip\b/.test(headers.get("accept-encoding") ?? "")) return new Response(bytes, { headers: shared });
  return new Response(gzipped, { headers: { ...shared, "content-encoding": "gzip" } });
}
