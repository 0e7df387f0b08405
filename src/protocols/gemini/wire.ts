/**
 * The types of what a Gemini server sends; every member may be missing or null somewhere.
 * @see https://ai.google.dev/api/generate-content
 */

import type { Nullable } from "../common/wire-values.ts";

/** The object on the wire; every member may be missing or null somewhere. */
export interface WireResponse {
  readonly candidates?: Nullable<readonly Nullable<WireCandidate>[]>;
  readonly promptFeedback?: Nullable<{
    readonly blockReason?: Nullable<string>;
    readonly blockReasonMessage?: Nullable<string>;
  }>;
  readonly usageMetadata?: unknown;
  readonly modelVersion?: Nullable<string>;
  readonly responseId?: Nullable<string>;
  readonly error?: unknown;
}

export interface WireCandidate {
  readonly index?: Nullable<number>;
  readonly content?: Nullable<{ readonly parts?: Nullable<readonly Nullable<GeminiPart>[]> }>;
  readonly finishReason?: Nullable<string>;
  readonly finishMessage?: Nullable<string>;
  readonly groundingMetadata?: Nullable<GroundingMetadata>;
  readonly logprobsResult?: unknown;
}

/** One part of a turn; every member may be missing. */
export interface GeminiPart {
  readonly text?: string;
  readonly thought?: boolean;
  readonly thoughtSignature?: string;
  readonly functionCall?: {
    readonly id?: string | null;
    readonly name?: string | null;
    readonly args?: unknown;
    readonly partialArgs?: readonly PartialArgument[] | null;
    readonly willContinue?: boolean | null;
  } | null;
  readonly functionResponse?: {
    readonly id?: string | null;
    readonly name?: string | null;
    readonly response?: unknown;
  } | null;
  readonly inlineData?: InlineData | null;
  readonly fileData?: FileData | null;
  /** In a replay: the index of the medium among the message's complete media. */
  readonly media?: number;
  readonly executableCode?: { readonly id?: unknown } | null;
  readonly codeExecutionResult?: { readonly id?: unknown } | null;
  readonly toolCall?: { readonly id?: unknown; readonly toolType?: unknown; readonly args?: unknown } | null;
  readonly toolResponse?: { readonly id?: unknown; readonly toolType?: unknown; readonly response?: unknown } | null;
}

/** One value, or a piece of a string. `willContinue` announces more of the same string. */
export interface PartialArgument {
  readonly jsonPath?: string | null;
  readonly stringValue?: string | null;
  /** A string where a double cannot hold it. */
  readonly numberValue?: number | string | null;
  readonly boolValue?: boolean | null;
  readonly nullValue?: unknown;
  readonly willContinue?: boolean | null;
}

/** Bytes in the part itself. */
interface InlineData {
  readonly mimeType?: string | null;
  readonly data?: string | null;
}

/** Bytes in a file of the provider. */
interface FileData {
  readonly mimeType?: string | null;
  readonly fileUri?: string | null;
}

/** Every member may be missing. */
export interface GroundingMetadata {
  readonly webSearchQueries?: Nullable<readonly string[]>;
  readonly groundingChunks?: Nullable<readonly Nullable<GroundingChunk>[]>;
  readonly groundingSupports?: Nullable<readonly Nullable<GroundingSupport>[]>;
}

interface GroundingChunk {
  readonly web?: Nullable<WebSource>;
  readonly retrievedContext?: Nullable<WebSource>;
  readonly maps?: Nullable<WebSource>;
}

interface WebSource {
  readonly uri?: Nullable<string>;
  readonly title?: Nullable<string>;
}

export interface GroundingSupport {
  readonly segment?: Nullable<{
    readonly startIndex?: Nullable<number>;
    readonly endIndex?: Nullable<number>;
    readonly text?: Nullable<string>;
  }>;
  readonly groundingChunkIndices?: Nullable<readonly number[]>;
}

type Count = number | null | undefined;

export interface WireUsage {
  readonly promptTokenCount?: Count;
  readonly cachedContentTokenCount?: Count;
  readonly candidatesTokenCount?: Count;
  readonly thoughtsTokenCount?: Count;
  readonly toolUsePromptTokenCount?: Count;
  readonly totalTokenCount?: Count;
  readonly serviceTier?: unknown;
}
