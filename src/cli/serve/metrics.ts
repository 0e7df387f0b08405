/** The figures of a server, in the text format of Prometheus. Counts model replies: a turn with tools has several. */

import {
  type AssistantMessage,
  type ClientWrapper,
  completeUsageOf,
  SendError,
  type SendErrorKind,
} from "../../index.ts";

/** Upper bounds of the time to the first token, in seconds. */
const BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

/** Kinds of tokens, and their counts in a reply's usage. */
const TOKENS = { input: "inputTokens", cached_input: "cachedInputTokens", output: "outputTokens" } as const;

/** Counts replies for as long as the server runs. */
export class Metrics {
  readonly #endings = new Map<string, number>();
  readonly #failures = new Map<SendErrorKind | "defect", number>();
  readonly #tokens = new Map<string, number>();
  readonly #buckets = BUCKETS.map(() => 0);
  #firstTokens = { count: 0, seconds: 0 };
  #running = 0;

  /** Number of replies that are being written. */
  get running(): number {
    return this.#running;
  }

  /** Counts a reply that is asked for. */
  begun(): void {
    this.#running += 1;
  }

  /**
   * Counts a reply that has ended.
   * @param message absent for a reply that did not begin
   */
  ended(message: AssistantMessage | undefined, error: SendError | undefined): void {
    this.#running -= 1;
    this.#count(message, error?.kind);
  }

  /** Counts a reply that ended with an error of this program. */
  broke(): void {
    this.#running -= 1;
    this.#count(undefined, "defect");
  }

  #count(message: AssistantMessage | undefined, failure: SendErrorKind | "defect" | undefined): void {
    add(this.#endings, failure === undefined ? (message?.finishReason ?? "unknown") : "failed", 1);
    if (failure !== undefined) add(this.#failures, failure, 1);
    if (!message) return;
    const usage = completeUsageOf(message);
    for (const [kind, field] of Object.entries(TOKENS)) add(this.#tokens, kind, usage?.[field] ?? 0);
    const { timeToFirstChunkMs: ms } = message.metrics;
    if (ms === undefined) return;
    const seconds = ms / 1_000;
    this.#firstTokens = { count: this.#firstTokens.count + 1, seconds: this.#firstTokens.seconds + seconds };
    for (const [at, bound] of BUCKETS.entries()) if (seconds <= bound) this.#buckets[at] = (this.#buckets[at] ?? 0) + 1;
  }

  /**
   * Returns everything as text.
   * @param viewers number of connections that watch a reply
   * @see https://prometheus.io/docs/instrumenting/exposition_formats/
   */
  text(viewers: number): string {
    const seconds = "cloudllm_time_to_first_token_seconds";
    const { count, seconds: sum } = this.#firstTokens;
    return [
      ...series("cloudllm_replies_total", "counter", "Replies of models, by how they ended.", "ending", this.#endings),
      ...series("cloudllm_failures_total", "counter", "Failed replies, by kind.", "kind", this.#failures),
      ...series("cloudllm_tokens_total", "counter", "Tokens; cached_input is a part of input.", "kind", this.#tokens),
      `# HELP ${seconds} Time from a request to the first token.`,
      `# TYPE ${seconds} histogram`,
      ...BUCKETS.map((bound, at) => `${seconds}_bucket{le="${bound}"} ${this.#buckets[at] ?? 0}`),
      `${seconds}_bucket{le="+Inf"} ${count}`,
      `${seconds}_sum ${sum}`,
      `${seconds}_count ${count}`,
      ...gauge("cloudllm_replies_running", "Replies that are being written.", this.#running),
      ...gauge("cloudllm_viewers", "Connections that watch a reply.", viewers),
      "",
    ].join("\n");
  }
}

/** Returns a client whose replies are counted. */
export function measured(client: ClientWrapper, metrics: Metrics): ClientWrapper {
  async function counted<Reply>(open: () => Promise<Reply>): Promise<Reply> {
    metrics.begun();
    try {
      return await open();
    } catch (error) {
      if (error instanceof SendError) metrics.ended(error.partial, error);
      else metrics.broke();
      throw error;
    }
  }
  const countTokens = client.countTokens?.bind(client); // not a reply
  return {
    provider: client.provider,
    model: client.model,
    defaults: client.defaults,
    async sendMessage(messages, options) {
      const message = await counted(() => client.sendMessage(messages, options));
      metrics.ended(message, undefined);
      return message;
    },
    async sendMessageStream(messages, options) {
      const stream = await counted(() => client.sendMessageStream(messages, options));
      stream.onEnd((message, error) => metrics.ended(message, error));
      return stream;
    },
    ...(countTokens && { countTokens }),
  };
}

function add<Key>(counts: Map<Key, number>, key: Key, number: number): void {
  counts.set(key, (counts.get(key) ?? 0) + number);
}

/** Labels are words of ours: nothing in them needs an escape. */
function series(
  name: string,
  type: "counter",
  help: string,
  label: string,
  counts: ReadonlyMap<string, number>,
): readonly string[] {
  const rows = [...counts].map(([value, count]) => `${name}{${label}="${value}"} ${count}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...rows];
}

function gauge(name: string, help: string, value: number): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name} ${value}`];
}
