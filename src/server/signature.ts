/**
 * The relay's signature on tool calls, for relays without a session store: a call that comes back is one that was made.
 */

import type { AssistantMessage, AssistantTurn, Replay, ToolCall } from "../contract/message.ts";
import { base64Of } from "../platform/base64.ts";

/** Marks the signature among the replays of providers. A client returns a replay as it came. */
const PROVIDER = "relay";
const PROTOCOL = "signature";

/** Signs and checks assistant turns with tool calls. */
export interface Signer {
  /**
   * Resolves with the message; one with tool calls carries the signature as its `replay`. Sign it as the caller sees
   * it.
   */
  sign(user: string, message: AssistantMessage): Promise<AssistantMessage>;
  /** Resolves with whether this relay has signed the text and the calls of the turn, for this user. */
  isSigned(user: string, turn: AssistantTurn): Promise<boolean>;
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
    async sign(user, message) {
      if (message.toolCalls.length === 0) return message;
      const mac = await crypto.subtle.sign("HMAC", await keyOf(), encoder.encode(signedText(user, message)));
      const replay: Replay = { provider: PROVIDER, protocol: PROTOCOL, data: base64Of(new Uint8Array(mac)) };
      return { ...message, replay };
    },
    async isSigned(user, turn) {
      const { replay } = turn;
      if (replay?.provider !== PROVIDER || replay.protocol !== PROTOCOL) return false;
      const mac = bytesOf(replay.data);
      // `verify` takes the same time for each wrong signature.
      return (
        mac !== undefined && crypto.subtle.verify("HMAC", await keyOf(), mac, encoder.encode(signedText(user, turn)))
      );
    },
  };
}

/**
 * A list, so that no field can pass for the beginning of the next. The first item keeps other uses of the secret apart.
 */
function signedText(user: string, { content, toolCalls = [] }: AssistantTurn): string {
  return JSON.stringify(["cloudllm relay 1", user, content, toolCalls.map(callFields)]);
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
