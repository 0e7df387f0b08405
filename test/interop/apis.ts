/** The three APIs of a gateway, with all libraries that speak them: for what every one of them does alike. */

import { type Library, libraryOf, pythonLibrary } from "./library.ts";

/** What a library made of an answer. */
export type Seen = Readonly<Record<string, unknown>>;

/** An API, its libraries, and a question in its words. */
export interface Api {
  readonly name: "Chat Completions" | "Responses" | "Anthropic Messages";
  readonly libraries: readonly Library[];
  readonly params: Readonly<Record<string, unknown>>;
  /** The question with words of the system's before it. */
  readonly withSystem: Readonly<Record<string, unknown>>;
  /** Where the routes are, for programs that are given the complete address. */
  readonly path: string;
}

const user = { role: "user", content: "Hello" };
const developer = { role: "developer", content: "Be kind." };

/** Returns the APIs, whose libraries end with the tests of the file that calls this. */
export function gatewayApis(): readonly Api[] {
  return [
    {
      name: "Chat Completions",
      libraries: [
        libraryOf("openAi", "openai-4"),
        libraryOf("openAi", "openai-5"),
        libraryOf("openAi", "openai"),
        libraryOf("openAi", "openai-7", true),
        pythonLibrary("openAi"),
      ],
      params: { model: "any", messages: [user] },
      withSystem: { model: "any", messages: [{ role: "system", content: "Be brief." }, developer, user] },
      path: "/v1",
    },
    {
      name: "Responses",
      libraries: [
        libraryOf("responses", "openai"),
        libraryOf("responses", "openai-7", true),
        pythonLibrary("responses"),
      ],
      params: { model: "any", input: "Hello" },
      withSystem: { model: "any", instructions: "Be brief.", input: [developer, user] },
      path: "/v1",
    },
    {
      name: "Anthropic Messages",
      libraries: [
        libraryOf("anthropic", "anthropic-sdk-0"),
        libraryOf("anthropic", "@anthropic-ai/sdk"),
        libraryOf("anthropic", "anthropic-sdk-1.14"),
        pythonLibrary("anthropic"),
      ],
      params: { model: "any", max_tokens: 100, messages: [user] },
      withSystem: {
        model: "any",
        max_tokens: 100,
        system: [
          { type: "text", text: "Be brief." },
          { type: "text", text: "Be kind." },
        ],
        messages: [user],
      },
      path: "",
    },
  ];
}

/** Returns the text that a library read. */
export function textIn({ text, content }: Seen): unknown {
  if (!Array.isArray(content)) return text;
  return content.map((block: { readonly text?: string }) => block.text ?? "").join("");
}
