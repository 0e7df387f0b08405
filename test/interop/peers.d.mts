/** Types of `peers.mjs`, which is JavaScript because the libraries in it may not be installed. */

import type { How, Result } from "./compare.ts";

/** One library, on one of its formats. */
export interface Peer {
  stream(request: PeerRequest): AsyncIterable<Partial<Result>>;
  whole(request: PeerRequest): Promise<Partial<Result>>;
}

export interface PeerRequest {
  readonly origin: string;
  readonly path?: string;
  readonly model: string;
  readonly text: string;
}

export const chat: Peer;
export const responses: Peer;
export const anthropic: Peer;
export const gemini: Peer;

export function resultOf(peer: Peer, how: How, request: PeerRequest): Promise<Result>;
