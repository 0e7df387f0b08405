import { anthropic } from "./anthropic.ts";
import { chat } from "./chat.ts";
import { gemini } from "./gemini.ts";
import { ollama } from "./ollama.ts";
import { responses } from "./responses.ts";
import type { Speaker } from "./speaker.ts";

/** Every wire format there is. */
export const SPEAKERS: readonly Speaker[] = [chat, anthropic, responses, gemini, ollama];
