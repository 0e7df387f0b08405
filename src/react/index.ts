"use client";

/** The public face of `cloudllm/react`. */

export { type ChatView, useChat } from "./use-chat.ts";
