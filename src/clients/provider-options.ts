/**
 * Types of `providerOptions`, client by client: fields of the providers in addition to the common options, by their
 * names on the wire. Any other field is also passed on. Sources: the providers' own references, as of 2026-11.
 */

type Any = Readonly<Record<string, unknown>>;

/** These fields and any other. */
type Open<Fields> = Fields & Any;

/**
 * Anthropic Messages.
 * @see https://docs.anthropic.com/en/api/messages
 */
export interface ClaudeProviderOptions extends Any {
  readonly top_k?: number;
  readonly service_tier?: "auto" | "standard_only";
  /** The id of a container of the code execution tool, to continue in. */
  readonly container?: string;
  readonly inference_geo?: string;
  readonly thinking?: Open<{
    readonly type?: "enabled" | "adaptive" | "disabled" | "between_tools";
    readonly budget_tokens?: number;
    /** Whether thinking is shown as a summary, or only signed. */
    readonly display?: "summarized" | "omitted" | "updates";
  }>;
  readonly output_config?: Open<{ readonly effort?: "low" | "medium" | "high" | "xhigh" | "max" }>;
  readonly tool_choice?: Open<{
    readonly type?: string;
    readonly name?: string;
    readonly disable_parallel_tool_use?: boolean;
  }>;
  /** Replaces the tools that were built from `tools` and `search`. */
  readonly tools?: readonly object[];
  readonly mcp_servers?: readonly object[];
  readonly context_management?: object;
}

/**
 * OpenAI, over Responses and Chat Completions. A field that only one of them has says so.
 * @see https://platform.openai.com/docs/api-reference
 */
export interface OpenAIProviderOptions extends Any {
  readonly service_tier?: "auto" | "default" | "flex" | "scale" | "priority" | "fast";
  readonly parallel_tool_calls?: boolean;
  readonly safety_identifier?: string;
  readonly store?: boolean;
  readonly top_logprobs?: number;
  readonly prompt_cache_options?: Open<{ readonly mode?: "implicit" | "explicit"; readonly ttl?: string }>;
  /** Responses. */
  readonly reasoning?: Open<{
    readonly effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";
    readonly summary?: "auto" | "concise" | "detailed";
    readonly context?: "auto" | "current_turn" | "all_turns";
    readonly mode?: "standard" | "pro";
  }>;
  /** Responses. */
  readonly text?: Open<{ readonly verbosity?: "low" | "medium" | "high"; readonly format?: object }>;
  /** Responses; replaces the value that the library sets. */
  readonly include?: readonly string[];
  /** Responses. */
  readonly max_tool_calls?: number;
  /** Responses. */
  readonly previous_response_id?: string;
  /** Responses. */
  readonly truncation?: "auto" | "disabled";
  /** Chat Completions. */
  readonly reasoning_effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";
  /** Chat Completions. */
  readonly verbosity?: "low" | "medium" | "high";
  /** Chat Completions. */
  readonly frequency_penalty?: number;
  /** Chat Completions. */
  readonly presence_penalty?: number;
  /** Chat Completions. */
  readonly logit_bias?: Readonly<Record<string, number>>;
  /** Chat Completions. */
  readonly logprobs?: boolean;
  /** Chat Completions. */
  readonly modalities?: readonly ("text" | "audio")[];
  /** Chat Completions, with `modalities`: the format of the audio. Streamed audio is `pcm16`. */
  readonly audio?: Open<{ readonly voice?: string | object; readonly format?: string }>;
  /** Chat Completions. */
  readonly prediction?: object;
}

/**
 * xAI, over Responses and Chat Completions.
 * @see https://docs.x.ai/docs/api-reference
 */
export interface GrokProviderOptions extends Any {
  readonly parallel_tool_calls?: boolean;
  readonly store?: boolean;
  readonly top_logprobs?: number;
  /** Responses. */
  readonly reasoning?: Open<{ readonly effort?: "none" | "low" | "medium" | "high" | "xhigh" }>;
  /** Responses; replaces the value that the library sets. */
  readonly include?: readonly string[];
  /** Responses. */
  readonly previous_response_id?: string;
  /** Chat Completions. */
  readonly reasoning_effort?: "none" | "low" | "medium" | "high" | "xhigh";
}

/**
 * Gemini's `generateContent`.
 * @see https://ai.google.dev/api/generate-content
 */
export interface GeminiProviderOptions extends Any {
  readonly generationConfig?: Open<{
    readonly topK?: number;
    readonly presencePenalty?: number;
    readonly frequencyPenalty?: number;
    readonly responseModalities?: readonly string[];
    readonly imageConfig?: Open<{ readonly aspectRatio?: string; readonly imageSize?: string }>;
    readonly speechConfig?: object;
    readonly mediaResolution?: string;
    readonly responseLogprobs?: boolean;
    readonly logprobs?: number;
    readonly thinkingConfig?: Open<{
      readonly includeThoughts?: boolean;
      readonly thinkingBudget?: number;
      readonly thinkingLevel?: "MINIMAL" | "LOW" | "MEDIUM" | "HIGH";
    }>;
  }>;
  readonly safetySettings?: readonly { readonly category: string; readonly threshold: string }[];
  /** The name of an existing cache, such as `cachedContents/abc`. */
  readonly cachedContent?: string;
  readonly serviceTier?: "standard" | "flex" | "priority";
  /** Replaces the tools that were built from `tools` and `search`. */
  readonly tools?: readonly object[];
  readonly toolConfig?: object;
}

/**
 * Ollama's own protocol.
 * @see https://docs.ollama.com/api/chat
 */
export interface OllamaProviderOptions extends Any {
  /**
   * The time that the model stays in memory after the call, such as `"10m"`, or seconds; `-1` keeps it, `0` frees it.
   */
  readonly keep_alive?: string | number;
  /** @see https://docs.ollama.com/modelfile#valid-parameters-and-values */
  readonly options?: Open<{
    /** The size of the context in tokens: prompt and reply together. Another value loads the model again. */
    readonly num_ctx?: number;
    /** The tokens of the prompt's beginning that a cut keeps. */
    readonly num_keep?: number;
    readonly num_gpu?: number;
    readonly num_thread?: number;
    readonly top_k?: number;
    readonly min_p?: number;
    readonly typical_p?: number;
    readonly repeat_last_n?: number;
    readonly repeat_penalty?: number;
    readonly presence_penalty?: number;
    readonly frequency_penalty?: number;
  }>;
  readonly think?: boolean | "low" | "medium" | "high" | "max";
  /** `"json"`, or a JSON Schema. Replaces the one that was built from `output`. */
  readonly format?: "json" | object;
  /** Whether the server may drop the first messages of a conversation that is too long. The client sends `false`. */
  readonly truncate?: boolean;
  /** Whether the server may forget the beginning when the context is full. The client sends `false`. */
  readonly shift?: boolean;
  readonly logprobs?: boolean;
  readonly top_logprobs?: number;
}

/**
 * OpenRouter.
 * @see https://openrouter.ai/docs/api-reference/overview
 */
export interface OpenRouterProviderOptions extends Any {
  /** The providers that may answer, in the order in which they are tried. */
  readonly provider?: Open<{
    readonly order?: readonly string[];
    readonly only?: readonly string[];
    readonly ignore?: readonly string[];
    readonly allow_fallbacks?: boolean;
    readonly require_parameters?: boolean;
    readonly data_collection?: "allow" | "deny";
    readonly sort?: "price" | "throughput" | "latency";
  }>;
  /** Fallback models, in order. */
  readonly models?: readonly string[];
  readonly reasoning?: Open<{
    readonly effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh";
    readonly max_tokens?: number;
    readonly exclude?: boolean;
    readonly enabled?: boolean;
  }>;
  /** Replaces the field that was built from `search`. */
  readonly plugins?: readonly object[];
  readonly top_k?: number;
  readonly user?: string;
}
