/**
 * The relay's signature on tool calls, for relays without a session store: a call that comes back is one that was made.
 */

import type { AssistantMessage, AssistantTurn, Replay, ToolCall } from "../../contract/message.ts";
import { base64Of } from "../../platform/base64.ts";

/** Marks the signature among the replays of providers. A client returns a replay as it came. */
const PROVIDER = "relay";
const PROTOCOL = "signature";

/** The run that has made calls, and when it began, in milliseconds since 1970: the same each time it is signed. */
export interface SignedOrigin {
  readonly run: string;
  readonly at: number;
}

/** Signs and checks assistant turns with tool calls. */
export interface Signer {
  /**
   * Resolves with the message; one with tool calls carries the signature as its `replay`. Sign it as the caller sees
   * it.
   */
  sign(user: string, message: AssistantMessage, origin: SignedOrigin): Promise<AssistantMessage>;
  /**
   * Resolves with the origin of the turn; with `undefined` when this relay has not signed its text and its calls for
   * this user.
   */
  originOf(user: string, turn: AssistantTurn): Promise<SignedOrigin | undefined>;
}

/** Returns the signer of a secret, which each process of a relay shares. */
export function signerOf(secret: string): Signer {
  const encoder = new TextEncoder();
  let key: Promise<CryptoKey> | undefined;
  const keyOf = () => {
    key ??= crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, [
      "sign",
      "verify",
    ]);
    return key;
  };
  return {
    async sign(user, message, origin) {
      if (message.toolCalls.length === 0) return message;
      const mac = await crypto.subtle.sign("HMAC", await keyOf(), encoder.encode(signedText(user, message, origin)));
      const data = `${origin.run}.${origin.at}.${base64Of(new Uint8Array(mac))}`;
      const replay: Replay = { provider: PROVIDER, protocol: PROTOCOL, data };
      return { ...message, replay };
    },
    async originOf(user, turn) {
      const { replay } = turn;
      if (replay?.provider !== PROVIDER || replay.protocol !== PROTOCOL) return undefined;
      const [, run = "", at, base64] = /^([\w-]+)\.(\d{1,16})\.([^.]+)$/.exec(String(replay.data)) ?? [];
      const mac = bytesOf(base64);
      const origin = { run, at: Number(at) };
      // `verify` takes the same time for each wrong signature.
      const isSigned =
        mac !== undefined &&
        (await crypto.subtle.verify("HMAC", await keyOf(), mac, encoder.encode(signedText(user, turn, origin))));
      return isSigned ? origin : undefined;
    },
  };
}

/**
 * A list, so that no field can pass for the beginning of the next. The first item keeps other uses of the secret apart.
 */
function signedText(user: string, { content, toolCalls = [] }: AssistantTurn, { run, at }: SignedOrigin): string {
  return JSON.stringify(["cloudllm relay 2", user, run, at, content, toolCalls.map(callFields)]);
}

function callFields({ id, name, arguments: args, rawArguments = "", needsApproval }: ToolCall): readonly unknown[] {
  return [id, name, args, rawArguments, ...(needsApproval ? ["needsApproval"] : [])];
}

function bytesOf(data: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (typeof data !== "string") return undefined;
  try {
    return Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined; // not base64
  }
}
