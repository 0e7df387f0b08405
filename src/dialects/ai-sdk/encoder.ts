/** Chunks of a reply → parts of the AI SDK's UI message stream. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { SendErrorData } from "../../contract/errors.ts";
import type { FinishReason } from "../../contract/finish-reason.ts";
import type { AssistantMessage, Citation, Media, ProviderToolCall, ToolCall } from "../../contract/message.ts";
import { completeMedium } from "../../stream/media-collector.ts";
import type { ReplyEncoder, ReplyEvent, ReplyView } from "../dialect.ts";
import { withoutRewinds } from "../without-rewinds.ts";
import { DONE, frameOf, SIGNATURE, type UiChunk, type UiFinishReason } from "./parts.ts";
import { ShownCalls } from "./shown-calls.ts";
import { StepSoFar } from "./step-so-far.ts";
import { addressOf, jsonText, outputOf, plain } from "./values.ts";

/** The choices of an encoder: see `AiSdkOptions`. */
export interface EncoderOptions {
  readonly finishReason: boolean;
  readonly resetStep: boolean;
  readonly metadata: ((message: AssistantMessage) => unknown) | undefined;
  /**
   * Whether the viewer begins with nothing, and not with the message that the run continues: then the parts before the
   * run are shown as well.
   */
  readonly isReplay: boolean;
}

/** Front ends show these sentences. */
const REPLACED = "The reply began again in other words. Load the page again to see it.";
const RECONNECT = "The server restarts, and the reply continues. Load the page again to see the rest.";
const NO_RESULT = "The reply ended before this call had a result.";

const FINISH_REASONS: Readonly<Record<FinishReason, UiFinishReason>> = {
  stop: "stop",
  length: "length",
  toolCalls: "tool-calls",
  contentFilter: "content-filter",
  refusal: "content-filter",
  stopped: "other",
  budget: "length",
  interrupted: "other",
  unknown: "other",
};

/** Encodes one reply for one connection. */
export class AiSdkEncoder implements ReplyEncoder {
  readonly #view: ReplyView;
  readonly #options: EncoderOptions;
  #phase: "unopened" | "open" | "over" = "unopened";
  /** The parts of the event that is being encoded. */
  #frames = "";
  /** The text or the thinking that is being written. */
  #writing: { readonly type: "text" | "reasoning"; readonly id: string } | undefined;
  readonly #calls = new ShownCalls();
  readonly #urls = new Set<string>();
  readonly #files = new Set<string>();
  #texts = 0;
  /** A step is a request to the model. Behind the result of a tool, the next chunk of the model begins another. */
  #stepPhase: "none" | "begun" | "answered" = "none";
  /** Kept only for `resetStep`. */
  readonly #step = new StepSoFar();

  constructor(view: ReplyView, options: EncoderOptions) {
    this.#view = view;
    this.#options = options;
  }

  /** After an error, such as text that cannot be taken back, front ends read nothing more. */
  get isOver(): boolean {
    return this.#phase === "over";
  }

  encode(event: ReplyEvent): string {
    if (this.#phase === "over") return "";
    this.#frames = "";
    this.#encode(event);
    return this.#frames;
  }

  #encode(event: ReplyEvent): void {
    switch (event.type) {
      case "opened":
        return this.#open();
      case "chunks":
        return this.#addAll(event.chunks);
      case "complete":
        return event.message.interrupted ? this.#stopped(event.message) : this.#complete(event.message);
      case "failed":
        return this.#failed(event.error);
      case "reconnect":
        return this.#fail(RECONNECT);
    }
  }

  #open(): void {
    const { messageId, before } = this.#view;
    this.#send({ type: "start", messageId });
    if (before) this.#continue(before);
    else this.#beginStep();
    this.#phase = "open";
  }

  /** A page that shows the parts before the run gets none of them. Their calls ask for nothing again. */
  #continue(before: readonly MessageChunk[]): void {
    const start = this.#frames;
    this.#addAll(before);
    this.#calls.leaveWaiting();
    if (this.#options.isReplay) return;
    this.#frames = start;
    this.#writing = undefined;
    this.#stepPhase = "none";
  }

  #addAll(chunks: readonly MessageChunk[]): void {
    for (const chunk of withoutRewinds(chunks)) {
      if (this.#phase === "over") return;
      if (this.#stepPhase !== "begun" && chunk.type !== "toolResult") this.#beginStep();
      this.#add(chunk);
    }
  }

  #add(chunk: MessageChunk): void {
    switch (chunk.type) {
      case "text":
        return this.#write("text", chunk.content);
      case "reasoning":
        return this.#write("reasoning", chunk.reasoning);
      case "toolCallDelta":
        return this.#argue(chunk);
      case "toolCall":
        return this.#call(chunk.toolCall);
      case "toolResult":
        return this.#result(chunk);
      case "providerToolCall":
        return this.#providerCall(chunk.providerToolCall);
      case "citation":
        return this.#cite(chunk);
      case "media": {
        const medium = completeMedium(chunk);
        return medium && this.#file(medium);
      }
      case "rewind":
        return this.#rewind(chunk.length, chunk.reasoningLength);
      case "final":
        return;
    }
  }

  #write(type: "text" | "reasoning", delta: string): void {
    if (delta === "") return;
    if (this.#writing?.type !== type) {
      this.#close();
      this.#writing = { type, id: `${type}-${++this.#texts}` };
      this.#send({ type: `${type}-start`, id: this.#writing.id });
    }
    this.#send({ type: `${type}-delta`, id: this.#writing.id, delta });
    if (this.#options.resetStep) this.#step.write(type, delta);
  }

  #close(): void {
    const writing = this.#writing;
    this.#writing = undefined;
    if (writing) this.#send({ type: `${writing.type}-end`, id: writing.id });
  }

  #argue({ id, name, argumentsDelta }: Extract<MessageChunk, { readonly type: "toolCallDelta" }>): void {
    const { shownId: toolCallId, isNew } = this.#calls.beginInput(id, name);
    if (isNew) {
      this.#close();
      this.#send({ type: "tool-input-start", toolCallId, toolName: name });
    }
    if (argumentsDelta !== "") this.#send({ type: "tool-input-delta", toolCallId, inputTextDelta: argumentsDelta });
  }

  #call({ id, name, arguments: input, needsApproval }: ToolCall): void {
    this.#close();
    const isAsked = needsApproval === true;
    const toolCallId = this.#calls.begin(id, { name, isAsked, state: "waiting" });
    this.#send({ type: "tool-input-available", toolCallId, toolName: name, input: plain(input) });
    // Version 5 does not know this part; it is sent only where a tool of the relay asks.
    if (isAsked && this.#phase === "open") {
      this.#send({ type: "tool-approval-request", approvalId: toolCallId, toolCallId });
    }
  }

  #result({ toolCallId: id, result, isError, denied }: Extract<MessageChunk, { readonly type: "toolResult" }>): void {
    this.#close();
    this.#stepPhase = "answered";
    const { shownId: toolCallId, isAsked } = this.#calls.answer(id);
    if (denied && isAsked) this.#send({ type: "tool-output-denied", toolCallId });
    else if (isError) this.#send({ type: "tool-output-error", toolCallId, errorText: result });
    else this.#send({ type: "tool-output-available", toolCallId, output: outputOf(result) });
  }

  /** A tool that the provider ran: the program does not know it, so it is a dynamic one. */
  #providerCall({ id, name, arguments: input = {}, result = null, isError }: ProviderToolCall): void {
    this.#close();
    const toolCallId = this.#calls.beginAnswered(id, name);
    const call = { toolCallId, providerExecuted: true, dynamic: true } as const;
    this.#sendKept(
      { type: "tool-input-available", ...call, toolName: name, input: plain(input) },
      isError
        ? { type: "tool-output-error", ...call, errorText: jsonText(result) }
        : { type: "tool-output-available", ...call, output: plain(result) },
    );
  }

  /** A source is shown once, however often it is named. */
  #cite({ url, title }: Citation): void {
    if (this.#urls.has(url)) return;
    this.#urls.add(url);
    this.#sendKept({
      type: "source-url",
      sourceId: `source-${this.#urls.size}`,
      url,
      ...(title !== undefined && { title }),
    });
  }

  #file(medium: Media): void {
    const address = addressOf(medium);
    if (address === undefined || this.#files.has(address)) return;
    this.#files.add(address);
    this.#close();
    this.#sendKept({ type: "file", url: address, mediaType: medium.mediaType });
  }

  /** Version 7 begins the step again. Older ones cannot take back what they show. */
  #rewind(length: number, reasoningLength: number): void {
    this.#calls.takeBackInput(this.#options.resetStep);
    if (!this.#options.resetStep) {
      if (length > 0 || reasoningLength > 0) this.#fail(REPLACED);
      return;
    }
    this.#writing = undefined;
    this.#send({ type: "reset-step" });
    for (const item of this.#step.takeBack(length, reasoningLength)) {
      if (item.type === "part") this.#sendKept(item.chunk);
      else this.#write(item.type, item.text);
    }
  }

  #beginStep(): void {
    this.#send(...this.#calls.endInput());
    if (this.#stepPhase === "answered") this.#send({ type: "finish-step" });
    this.#send({ type: "start-step" });
    this.#stepPhase = "begun";
    this.#step.clear();
  }

  #complete(message: AssistantMessage): void {
    for (const medium of message.media ?? []) this.#file(medium); // those that came in pieces
    this.#close();
    const open = new Set(message.toolCalls.map(({ id }) => this.#calls.idOf(id)));
    this.#closeCalls((toolCallId) =>
      open.has(toolCallId) ? undefined : { type: "tool-output-available", toolCallId, output: null },
    );
    const { replay } = message;
    if (replay) {
      const calls = message.toolCalls.map(({ id, rawArguments, needsApproval }) => ({
        id,
        ...(rawArguments !== undefined && { rawArguments }),
        ...(needsApproval && { needsApproval }),
      }));
      this.#send({ type: SIGNATURE, data: { replay, calls } });
    }
    const metadata = this.#metadataOf(message);
    const { finishReason } = this.#options;
    this.#send(
      { type: "finish-step" },
      {
        type: "finish",
        ...(finishReason && { finishReason: FINISH_REASONS[message.finishReason] }),
        ...(metadata !== undefined && { messageMetadata: metadata }),
      },
    );
    this.#end();
  }

  /** A user, or the relay, has stopped the reply. */
  #stopped(message: AssistantMessage): void {
    this.#close();
    this.#closeCalls(withoutResult);
    const metadata = this.#metadataOf(message);
    if (metadata !== undefined) this.#send({ type: "message-metadata", messageMetadata: metadata });
    this.#send({ type: "finish-step" }, { type: "abort" });
    this.#end();
  }

  #failed({ message }: SendErrorData): void {
    this.#closeCalls(withoutResult);
    this.#fail(message);
  }

  /** Front ends read nothing behind an error. */
  #fail(errorText: string): void {
    this.#close();
    this.#send({ type: "error", errorText });
    this.#end();
  }

  #end(): void {
    this.#phase = "over";
    this.#frames += DONE;
  }

  /** Ends the calls that are open, except those that the front end answers: `resultOf` has none for them. */
  #closeCalls(resultOf: (toolCallId: string) => UiChunk | undefined): void {
    for (const chunk of this.#calls.endsOfOpen(resultOf)) this.#send(chunk);
  }

  #metadataOf(message: AssistantMessage): unknown {
    const metadata = this.#options.metadata?.(message);
    return metadata === undefined ? undefined : plain(metadata);
  }

  #send(...chunks: readonly UiChunk[]): void {
    for (const chunk of chunks) this.#frames += frameOf(chunk);
  }

  /** The same for parts that a step that begins again keeps. */
  #sendKept(...chunks: readonly UiChunk[]): void {
    this.#send(...chunks);
    if (this.#options.resetStep) for (const chunk of chunks) this.#step.keep(chunk);
  }
}

function withoutResult(toolCallId: string): UiChunk {
  return { type: "tool-output-error", toolCallId, errorText: NO_RESULT };
}
