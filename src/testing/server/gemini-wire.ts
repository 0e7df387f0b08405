/**
 * Gemini's `generateContent` as Google's own servers write it. Every event has new parts, calls arrive complete, and
 * the end of the body is the only end of a stream.
 * @see https://ai.google.dev/api/generate-content
 */

import type { Citation } from "../../contract/message.ts";
import type { ScriptEnding, ScriptedError, ScriptedUsage } from "../script.ts";
import type { FinishEvent } from "../script-events.ts";
import { callMark, geminiFault, signedMark } from "./gemini-rules.ts";
import { objectsIn, type Recorded, type Signatures } from "./rules.ts";
import type { MediaEvent } from "./scripted-media.ts";
import { textSignatureOf } from "./signatures.ts";
import { type ContentEvent, NO_MESSAGE, usageIn, type Wire, type WireReply, type WireRequest } from "./wire.ts";

const FINISH_REASONS = {
  stop: "STOP",
  length: "MAX_TOKENS",
  toolCalls: "STOP", // the parts say so
  contentFilter: "SAFETY",
  refusal: "STOP", // a text like any other
  unknown: "UNHEARD_OF",
} as const satisfies Record<FinishEvent["finishReason"], string>;

const ERROR_STATUSES: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

const SERVED = /\/(?:models|tunedModels)\/([^/:]+):(generateContent|streamGenerateContent)$/;

type Part = Readonly<Record<string, unknown>>;

/** `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`. */
export const geminiWire: Wire = {
  serves: (path) => SERVED.test(path),
  path: /^\/v1(?:alpha|beta)?\/(?:(?:projects\/[^/]+\/locations\/[^/]+\/)?publishers\/google\/)?(?:models|tunedModels)\/[^/]+$/,
  note: ({ recorded }, body) => {
    for (const signature of signaturesIn(objectsIn(body))) recorded.set(signature, true);
  },
  fault: ({ body, signatures, recorded }) => geminiFault(body, signatures, recorded),
  reply: (request, ending) => new GeminiReply(request, ending),
  refusal: errorBody,
};

class GeminiReply implements WireReply {
  readonly streamed: boolean;
  readonly contentType: string;
  readonly #named: { readonly modelVersion: string; readonly responseId: string };
  /** Without `alt=sse`, a stream is one JSON array that arrives in pieces. */
  readonly #asEvents: boolean;
  readonly #usage: ScriptedUsage | undefined;
  readonly #signatures: Signatures;
  readonly #recorded: Recorded;
  readonly #citations: Citation[] = [];
  #text = "";
  #thoughts = "";
  #signed = false;
  #called = false;
  #events = 0;

  constructor({ index, path, query, signatures, recorded }: WireRequest, ending: ScriptEnding) {
    const [, model = "unnamed", method] = SERVED.exec(path) ?? [];
    this.streamed = method === "streamGenerateContent";
    this.#asEvents = query.get("alt") === "sse";
    this.contentType = this.streamed && this.#asEvents ? "text/event-stream" : "application/json; charset=UTF-8";
    this.#named = { modelVersion: decodeURIComponent(model), responseId: `response-${index + 1}` };
    this.#usage = usageIn(ending);
    this.#signatures = signatures;
    this.#recorded = recorded;
  }

  begin(): string {
    return "";
  }

  write(event: ContentEvent | FinishEvent): string {
    if (event.type === "finish") return this.#frame(this.#last([this.#closing() ?? { text: "" }], event)) + this.#end();
    const parts = this.#partsOf(event);
    if (parts.length === 0) return "";
    // Every event reports the input tokens; the last one also reports the output tokens.
    const { inputTokens } = this.#usage ?? {};
    const usage = inputTokens !== undefined && {
      usageMetadata: { promptTokenCount: inputTokens, totalTokenCount: inputTokens },
    };
    return this.#frame({ candidates: [{ content: contentOf(parts), index: 0 }], ...usage, ...this.#named });
  }

  /** Returns the error as a document of its own: Google does not send it as an event. */
  writeError(error: ScriptedError): string {
    const body = errorBody(500, error);
    return this.#asEvents ? JSON.stringify(body, undefined, 2) : this.#frame(body) + this.#end();
  }

  complete(events: readonly ContentEvent[], finish: FinishEvent): unknown {
    const parts = events.flatMap((event) => this.#partsOf(event)).reduce(joined, []);
    const closing = this.#closing();
    // A stream ends with an empty part; here its fields are on the text itself.
    const last = parts.at(-1);
    if (closing && last?.text !== undefined && !last.thought)
      parts[parts.length - 1] = { ...last, ...closing, text: last.text };
    else if (closing) parts.push(closing);
    return this.#last(parts, finish);
  }

  completeError(error: ScriptedError): unknown {
    return errorBody(500, error);
  }

  /** Returns the parts that an event adds to the reply; citations come with its end. */
  #partsOf(event: ContentEvent): readonly Part[] {
    switch (event.type) {
      case "text":
        this.#text += event.text;
        return [{ text: event.text }];
      case "reasoning":
        this.#thoughts += event.text;
        return [{ text: event.text, thought: true }];
      case "citation":
        this.#citations.push(event.citation);
        return [];
      case "media":
        return partsOfMedium(event);
      case "toolCallDelta":
        return []; // a call is written when it is complete
      case "toolCallEnd": {
        const { id, name, argumentsText } = event;
        this.#called = true;
        const functionCall = { id, name, args: JSON.parse(argumentsText || "{}") as unknown };
        const signature = this.#signature();
        if (signature.thoughtSignature !== undefined)
          for (const mark of [callMark(functionCall), signedMark(functionCall, signature.thoughtSignature)])
            this.#signatures.set(mark, signature.thoughtSignature);
        return [{ functionCall, ...signature }];
      }
    }
  }

  /** Returns the signature of a reply's thoughts for one of its parts: the first call, or else the last text. */
  #signature(): { readonly thoughtSignature?: string } {
    if (this.#thoughts === "" || this.#signed) return {};
    this.#signed = true;
    const thoughtSignature = textSignatureOf(this.#thoughts);
    this.#recorded.set(thoughtSignature, "scripted");
    return { thoughtSignature };
  }

  #closing(): Part | undefined {
    const signature = this.#signature();
    return signature.thoughtSignature === undefined ? undefined : { text: "", ...signature };
  }

  #last(parts: readonly Part[], finish: FinishEvent): unknown {
    const candidate = {
      content: contentOf(parts),
      finishReason: finish.rawFinishReason ?? FINISH_REASONS[finish.finishReason],
      ...(this.#called && { finishMessage: "Model generated function call(s)." }),
      index: 0,
      ...(this.#citations.length > 0 && { groundingMetadata: groundingOf(this.#citations, this.#text) }),
    };
    const usage = finish.usage && { usageMetadata: usageOf(finish.usage) };
    return { candidates: [candidate], ...usage, ...this.#named };
  }

  #frame(data: unknown): string {
    const json = JSON.stringify(data);
    this.#events += 1;
    if (this.#asEvents) return `data: ${json}\r\n\r\n`;
    return `${this.#events === 1 ? "[" : ",\r\n"}${json}`;
  }

  #end(): string {
    return this.#asEvents ? "" : "]";
  }
}

/** Returns a picture as one part, and a sound as one part for each piece. The format has no previews or transcripts. */
function partsOfMedium({ medium, append }: MediaEvent): readonly Part[] {
  const { mediaType: mimeType, data, url, fileId, partial } = medium;
  if (data === "" || (partial && !append)) return [];
  return [data === undefined ? { fileData: { mimeType, fileUri: fileId ?? url } } : { inlineData: { mimeType, data } }];
}

function contentOf(parts: readonly Part[]): Part {
  return { parts, role: "model" };
}

/** Joins the pieces of one text to one part of a non-streamed reply. */
function joined(parts: Part[], part: Part): Part[] {
  const last = parts.at(-1);
  if (last?.text === undefined || part.text === undefined || last.thought !== part.thought) return [...parts, part];
  return [...parts.slice(0, -1), { ...last, text: `${last.text}${part.text}` }];
}

function errorBody(status: number, { message = NO_MESSAGE, code }: ScriptedError): unknown {
  return { error: { code: status, message, status: code ?? ERROR_STATUSES[status] ?? "INTERNAL" } };
}

/** Returns every source once, with the statements that it supports. Positions are bytes of UTF-8, and 0 is left out. */
function groundingOf(citations: readonly Citation[], text: string): Part {
  const bytes = (offset: number) => Buffer.byteLength(text.slice(0, offset));
  const urls = [...new Set(citations.map(({ url }) => url))];
  const supports = citations.filter(({ citedText, endIndex }) => citedText !== undefined || endIndex !== undefined);
  return {
    groundingChunks: urls.map((uri) => {
      const title = citations.find(({ url }) => url === uri)?.title;
      return { web: { uri, ...(title !== undefined && { title }) } };
    }),
    groundingSupports: supports.map(({ url, citedText, startIndex, endIndex }) => ({
      segment: {
        ...(startIndex && { startIndex: bytes(startIndex) }),
        ...(endIndex !== undefined && { endIndex: bytes(endIndex) }),
        text: citedText ?? text.slice(startIndex, endIndex),
      },
      groundingChunkIndices: [urls.indexOf(url)],
    })),
  };
}

/** Returns the counts. The candidates' tokens do not include thoughts. */
function usageOf(usage: ScriptedUsage): unknown {
  const { inputTokens, outputTokens, totalTokens, cachedInputTokens, reasoningTokens = 0 } = usage;
  return {
    promptTokenCount: inputTokens,
    candidatesTokenCount: outputTokens - reasoningTokens,
    totalTokenCount: totalTokens ?? inputTokens + outputTokens,
    ...(cachedInputTokens !== undefined && { cachedContentTokenCount: cachedInputTokens }),
    ...(reasoningTokens > 0 && { thoughtsTokenCount: reasoningTokens }),
  };
}

/** Returns the signatures in a recorded body, at any depth. */
function signaturesIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === "thoughtSignature" && typeof inner === "string" ? [inner] : signaturesIn(inner),
  );
}
