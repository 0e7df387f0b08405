/** A source whose tool calls and whose output are held against the caller's schemas before anybody sees them as whole. */

import type { MessageChunk } from "../chunk.ts";
import type { SendOptions, Tool } from "../client.ts";
import { SendError } from "../errors.ts";
import type { ToolCall } from "../message.ts";
import { issuesText, type SchemaResult, validate } from "../schema/schema.ts";
import { TextBuffer } from "../text-buffer.ts";
import type { ChunkSink, ChunkSource } from "./message-stream.ts";

/** What opens a source: see `MessageStream`. */
export type OpenSource = (sink: ChunkSink) => ChunkSource;

type Checks = Pick<SendOptions, "tools" | "output" | "invalidArguments">;

/** The same source, checked; itself where there is nothing to check. */
export function checkedSource(open: OpenSource, options: Checks): OpenSource {
  const checksCalls = options.invalidArguments !== "deliver" && options.tools?.some((tool) => tool.parameters);
  if (!checksCalls && options.output === undefined) return open;
  return (sink) => {
    const checked = new CheckedSink(sink, { ...options, tools: checksCalls ? options.tools : [] });
    checked.source = open(checked);
    return checked.source;
  };
}

/**
 * Stands between a source and its stream. What it has to look at is looked at before the flush that shows it; rules that
 * answer later hold up the flush, and the source is not asked again before.
 */
class CheckedSink implements ChunkSink {
  source: ChunkSource | undefined;
  readonly #sink: ChunkSink;
  readonly #tools: ReadonlyMap<string, Tool>;
  readonly #output: SendOptions["output"];
  readonly #text = new TextBuffer();
  #chunks: MessageChunk[] = [];
  #seen = 0;
  /** What is still being looked at; ends follow in turn. */
  #pending: Promise<void> | undefined;
  #failed = false;

  constructor(sink: ChunkSink, { tools, output }: Checks) {
    this.#sink = sink;
    this.#tools = new Map(tools?.map((tool) => [tool.name, tool]));
    this.#output = output;
  }

  get chunks(): MessageChunk[] {
    return this.#sink.chunks;
  }

  flush(): void {
    this.#then(this.#checkFresh(), () => this.#sink.flush());
  }

  end(...message: Parameters<ChunkSink["end"]>): void {
    this.#then(this.#checkFresh(), () => this.#then(this.#checkOutput(), () => this.#sink.end(...message)));
  }

  fail(error: SendError): void {
    this.#then(this.#checkFresh(), () => this.#sink.fail(error));
  }

  /** What follows a check: at once where it can be, in turn where a rule answers later. */
  #then(check: Promise<void> | undefined, next: () => void): void {
    const pending = check && this.#pending ? this.#pending.then(() => check) : (check ?? this.#pending);
    if (!pending) {
      if (!this.#failed) next();
      return;
    }
    const turn = pending.then(() => {
      if (this.#pending === turn) this.#pending = undefined;
      if (!this.#failed) next();
    });
    this.#pending = turn;
  }

  #checkFresh(): Promise<void> | undefined {
    const { chunks } = this.#sink;
    if (chunks !== this.#chunks) {
      this.#chunks = chunks;
      this.#seen = 0;
    }
    for (; this.#seen < chunks.length && !this.#failed; this.#seen++) {
      const chunk = chunks[this.#seen];
      if (chunk?.type === "text" && this.#output) this.#text.add(chunk.content);
      const parameters = chunk?.type === "toolCall" ? this.#tools.get(chunk.toolCall.name)?.parameters : undefined;
      if (chunk?.type !== "toolCall" || !parameters) continue;
      const at = this.#seen;
      const later = settled(
        () => validate(parameters, chunk.toolCall.arguments),
        (result) => this.#judgeCall(chunk.toolCall, at, result),
      );
      if (!later) continue;
      this.#seen++;
      return later.then(() => this.#checkFresh());
    }
    return undefined;
  }

  #judgeCall(call: ToolCall, at: number, result: SchemaResult<unknown>): void {
    if (!result.issues) return;
    this.#reject(`The arguments of the call of ${call.name} do not fit its schema: ${issuesText(result.issues)}.`, at);
  }

  /** A reply that asks for tools first owes no value yet; every other one does. */
  #checkOutput(): Promise<void> | undefined {
    const schema = this.#output;
    const facts = this.source?.facts;
    if (!schema || !facts || facts.finishReason === "toolCalls") return undefined;
    let value: unknown;
    try {
      value = JSON.parse(this.#text.toString());
    } catch {
      const why =
        facts.finishReason === "stop" ? "" : ` (finish reason: ${facts.rawFinishReason ?? facts.finishReason})`;
      this.#reject(`The reply is not the JSON that was asked for${why}: its text is on \`partial\`.`);
      return undefined;
    }
    return settled(
      () => validate(schema, value),
      (result) => {
        if (result.issues)
          this.#reject(`The reply does not fit the schema of \`output\`: ${issuesText(result.issues)}.`);
        else facts.output = result.value;
      },
    );
  }

  /** Chunks from `at` on are not shown. */
  #reject(message: string, at = this.#sink.chunks.length): void {
    this.#failed = true;
    this.#sink.chunks.length = at;
    this.source?.close();
    const { provider, model } = this.source?.facts ?? {};
    this.#sink.fail(new SendError("invalidOutput", message, { provider, model }));
  }
}

/** `use` the result now, or later; a schema whose rules throw has found something that does not fit. */
function settled(
  check: () => SchemaResult<unknown> | Promise<SchemaResult<unknown>>,
  use: (result: SchemaResult<unknown>) => void,
): Promise<void> | undefined {
  const thrown = (error: unknown) => use({ issues: [{ message: `the schema threw ${String(error)}` }] });
  try {
    const result = check();
    if (result instanceof Promise) return result.then(use, thrown);
    use(result);
  } catch (error) {
    thrown(error);
  }
  return undefined;
}
