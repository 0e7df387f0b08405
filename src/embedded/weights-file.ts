/** Where the weights are, and how they get here. */

import { SendError } from "../contract/errors.ts";

/** The file's bytes, or its URL: `file:` on Node, Bun and Deno, any that `fetch` takes elsewhere. */
export type WeightsSource = Uint8Array | URL;

/**
 * Returns the URL of our own model, next to this module. Bundlers that know `new URL(…, import.meta.url)` take it
 * along.
 */
export function ownWeights(): URL {
  return new URL("./toy.gguf", import.meta.url);
}

/** Returns its name in errors. */
export function nameOf(source: WeightsSource): string {
  if (source instanceof Uint8Array) return "passed as bytes";
  if (source.protocol !== "file:") return source.href;
  try {
    return decodeURIComponent(source.pathname);
  } catch {
    return source.href; // a % that begins nothing
  }
}

/**
 * Resolves with the file's bytes.
 * @throws {SendError} kind `notFound` where the file does not exist, `network` where it cannot be read
 */
export async function loadWeights(source: WeightsSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  const files = source.protocol === "file:" ? nodeFiles() : undefined;
  try {
    if (files) return await files.readFile(source);
    const response = await fetch(source);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    throw new SendError(
      "notFound",
      `The weights file ${nameOf(source)} cannot be read: the response has status ${response.status}.`,
    );
  } catch (error) {
    if (error instanceof SendError) throw error;
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const why = isMissing
      ? "is not there"
      : `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    const message = `The weights file ${nameOf(source)} ${why}.`;
    throw new SendError(isMissing ? "notFound" : "network", message, { cause: error });
  }
}

/** Node's `fetch` reads no files. The module comes from `process`, so that no bundle sees a `node:` import. */
function nodeFiles(): typeof import("node:fs/promises") | undefined {
  const { process } = globalThis as { readonly process?: Pick<NodeJS.Process, "getBuiltinModule"> };
  return process?.getBuiltinModule?.("node:fs/promises");
}
