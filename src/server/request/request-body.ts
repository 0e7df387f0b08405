/** The JSON of a request, read with limits: it is a stranger's. */

import { badRequest, Refusal } from "../../dialects/refusal.ts";
import { isDeeper } from "../../platform/json-depth.ts";
import type { Asked } from "../http/handler.ts";
import type { CheckedLimits } from "../policy/policy.ts";

/**
 * Resolves with the JSON of a request; with `undefined` for an empty body.
 *
 * A page of another site can send text and forms without asking first; `application/json` makes its browser send a
 * preflight. Other content types are therefore refused, and so are words without a content type. An empty body says
 * nothing and needs none: `fetch("…/stop", { method: "POST" })`.
 * @throws {Refusal} 415, 413, 408 or 400
 */
export async function jsonBodyOf(
  request: Pick<Asked, "headers" | "body">,
  limits: Pick<CheckedLimits, "bodyBytes" | "bodyMs" | "depth">,
): Promise<unknown> {
  const type = request.headers.get("content-type");
  if (type !== null && type.split(";")[0]?.trim().toLowerCase() !== "application/json") throw notJson();
  if ((request.headers.get("content-encoding") ?? "identity") !== "identity") {
    throw new Refusal(415, "invalidRequest", "The body must not be compressed.");
  }
  const text = await bodyText(request, limits);
  if (type === null && text !== "") throw notJson();
  const value = text === "" ? undefined : parsed(text);
  if (isDeeper(value, limits.depth)) throw badRequest(`The body is nested more than ${limits.depth} deep.`);
  return value;
}

/** Reads at most `bodyBytes`, however long the body says to be. */
async function bodyText(
  request: Pick<Asked, "headers" | "body">,
  { bodyBytes, bodyMs }: Pick<CheckedLimits, "bodyBytes" | "bodyMs">,
): Promise<string> {
  if (Number(request.headers.get("content-length")) > bodyBytes) throw tooLarge(bodyBytes);
  if (!request.body) return "";
  const all = request.body.takeAll?.();
  if (all) return textOf(all, bodyBytes);
  const reader = request.body.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let size = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Refusal(408, "timeout", "The body did not arrive in time.")), bodyMs);
  });
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done || !value) return text + decoder.decode();
      size += value.byteLength;
      if (size > bodyBytes) throw tooLarge(bodyBytes);
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    reader.cancel().catch(() => undefined);
    if (error instanceof Refusal) throw error;
    throw unreadable();
  } finally {
    clearTimeout(timer);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function textOf(bytes: Uint8Array, bodyBytes: number): string {
  if (bytes.byteLength > bodyBytes) throw tooLarge(bodyBytes);
  try {
    return utf8.decode(bytes);
  } catch {
    throw unreadable();
  }
}

function unreadable(): Refusal {
  return badRequest("The body cannot be read: it broke off, or is not UTF-8.");
}

function notJson(): Refusal {
  return new Refusal(415, "invalidRequest", "The content type must be application/json.");
}

function tooLarge(bodyBytes: number): Refusal {
  return new Refusal(413, "invalidRequest", `The body must have at most ${bodyBytes} bytes.`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest("The body is not valid JSON."); // the parser's own message quotes the body
  }
}
