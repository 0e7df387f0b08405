/** The events of a reply → AG-UI. One encoder for each connection. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { SendErrorData } from "../../contract/errors.ts";
import type { AssistantMessage, ToolCall } from "../../contract/message.ts";
import { completeMedium } from "../../stream/media-collector.ts";
import type { ReplyEncoder, ReplyEvent, ReplyView } from "../dialect.ts";
import { withoutRewinds } from "../without-rewinds.ts";
import { callsToAnswer, finishOf, usageOf } from "./endings.ts";
import { type EventPlace, EventWriter } from "./event-ids.ts";
import type { AgUiEvent, AgUiMessage } from "./events.ts";
import { type StepCall, Steps } from "./steps-so-far.ts";

/** The facts of a connection that decide about its events. */
export interface AgUiConnection {
  /** As the front end calls its run. Default: the relay's own name. */
  readonly runId?: string | undefined;
  /** Default: the name of the chat. */
  readonly threadId?: string | undefined;
  /** The `protocolVersion` of the request: `1.0`. Clients before it send none, and throw at outcomes. */
  readonly protocolVersion?: string | undefined;
  /** The conversation without the reply, as the front end has it; `undefined` when it is not known. */
  readonly conversation?: readonly AgUiMessage[] | undefined;
  /** The messages of the reply that the front end shows already: they go first, since the reply is shown again. */
  readonly shown?: readonly AgUiMessage[] | undefined;
  /** The last event that the front end has seen. */
  readonly seen?: EventPlace | undefined;
  /** Whether the front end has nothing of the conversation: it gets that first. */
  readonly needsConversation?: boolean | undefined;
  /**
   * Whether the front end has been away. A reply that was stopped meanwhile is an error for this front end, and not a
   * short reply: it may have been stopped because nothing watched it.
   */
  readonly hasBeenAway?: boolean | undefined;
  /** Whether the front end connects again by itself when a stream ends without a terminal event. */
  readonly comesBack: boolean;
}

/** A front end that comes back finds the reply at its beginning, or where it was. */
const AWAY = ": the reply continues elsewhere\n\n";

const LOST_PLACE = "The reply has changed in a place that this page cannot show again. Load the conversation.";

const STOPPED = "The reply was stopped.";

type Open = "text" | "reasoning" | undefined;

/** Encodes a reply for one connection. */
export class AgUiEncoder implements ReplyEncoder {
  readonly #connection: AgUiConnection;
  readonly #threadId: string;
  readonly #runId: string;
  readonly #writer: EventWriter;
  readonly #steps: Steps;
  /** Citations and the like: they belong to no message. */
  readonly #customs: AgUiEvent[] = [];
  /** The calls whose arguments arrive in pieces, by index. */
  readonly #arriving = new Map<number, StepCall>();
  #open: Open;
  #hasStarted = false;
  #isOver = false;
  #out = "";

  constructor({ run, chat, messageId }: ReplyView, connection: AgUiConnection) {
    this.#connection = connection;
    this.#threadId = connection.threadId ?? chat;
    this.#runId = connection.runId ?? run;
    this.#writer = new EventWriter(connection.seen);
    this.#steps = new Steps(messageId);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  encode(event: ReplyEvent): string {
    this.#out = "";
    if (!this.#isOver) this.#take(event);
    return this.#out;
  }

  #take(event: ReplyEvent): void {
    if (event.type === "reconnect") return this.#goAway();
    this.#start();
    switch (event.type) {
      case "opened":
        break;
      case "chunks":
        for (const chunk of this.#showable(event.chunks)) if (!this.#isOver) this.#chunk(chunk);
        break;
      case "complete":
        return this.#complete(event.message);
      case "failed":
        return this.#fail(event.error);
    }
    if (this.#writer.phase === "lost" && !this.#isOver) this.#showAgain();
  }

  #start(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    const { protocolVersion, seen, needsConversation, shown = [] } = this.#connection;
    const [threadId, runId] = [this.#threadId, this.#runId];
    const started: AgUiEvent = { type: "RUN_STARTED", threadId, runId, ...(protocolVersion && { protocolVersion }) };
    if (seen) this.#out += this.#writer.greeting(started);
    this.#write(started);
    const snapshot = (needsConversation || shown.length > 0) && this.#snapshot(shown);
    if (snapshot) this.#write(snapshot);
  }

  /** Words that are taken back at once need no conversation to be shown again. */
  #showable(chunks: readonly MessageChunk[]): readonly MessageChunk[] {
    return this.#connection.conversation ? chunks : withoutRewinds(chunks);
  }

  #chunk(chunk: MessageChunk): void {
    switch (chunk.type) {
      case "text":
        return this.#text(chunk.content);
      case "reasoning":
        return this.#reasoning(chunk.reasoning);
      case "toolCallDelta":
        return this.#delta(this.#arrivingCall(chunk.index, chunk.id, chunk.name), chunk.argumentsDelta);
      case "toolCall":
        return this.#call(chunk.toolCall);
      case "toolResult":
        return this.#result(chunk.toolCallId, chunk.result, chunk.isError);
      case "rewind":
        return this.#rewind(chunk.length, chunk.reasoningLength);
      case "citation": {
        const { type, content: _content, isFinal: _isFinal, raw: _raw, ...citation } = chunk;
        return this.#custom(type, citation);
      }
      case "providerToolCall":
        return this.#custom(chunk.type, chunk.providerToolCall);
      case "media": {
        const medium = completeMedium(chunk);
        return medium && this.#custom(chunk.type, medium);
      }
      case "final":
        return;
    }
  }

  #text(delta: string): void {
    if (delta === "") return;
    this.#nextStep();
    const { messageId } = this.#steps;
    if (this.#open !== "text") {
      this.#close();
      this.#write({ type: "TEXT_MESSAGE_START", messageId, role: "assistant" });
      this.#open = "text";
    }
    this.#steps.addText(delta);
    this.#write({ type: "TEXT_MESSAGE_CONTENT", messageId, delta });
  }

  #reasoning(delta: string): void {
    if (delta === "") return;
    this.#nextStep();
    if (this.#open !== "reasoning") {
      this.#close();
      // TanStack AI shows text twice that continues, in one message, behind thinking.
      if (this.#steps.hasText) this.#steps.next();
      this.#steps.beginReasoning();
      const messageId = this.#steps.reasoningId;
      this.#write({ type: "REASONING_START", messageId });
      this.#write({ type: "REASONING_MESSAGE_START", messageId, role: "reasoning" });
      this.#open = "reasoning";
    }
    this.#steps.addReasoning(delta);
    this.#write({ type: "REASONING_MESSAGE_CONTENT", messageId: this.#steps.reasoningId, delta });
  }

  #arrivingCall(index: number, id: string, name: string): StepCall {
    const known = this.#arriving.get(index);
    if (known) return known;
    const call = this.#begin(id, name);
    this.#arriving.set(index, call);
    return call;
  }

  #begin(id: string, name: string): StepCall {
    this.#nextStep();
    this.#close();
    const call: StepCall = { id, name, args: "", isOpen: true };
    this.#steps.addCall(call);
    const parentMessageId = this.#steps.messageId;
    this.#write({ type: "TOOL_CALL_START", toolCallId: id, toolCallName: name, parentMessageId });
    return call;
  }

  #delta(call: StepCall, delta: string): void {
    if (delta === "") return;
    call.args += delta;
    this.#write({ type: "TOOL_CALL_ARGS", toolCallId: call.id, delta });
  }

  #call({ id, name, arguments: args, rawArguments }: ToolCall): void {
    const call = this.#steps.allCalls.find((one) => one.id === id && one.isOpen) ?? this.#begin(id, name);
    if (call.args === "") this.#delta(call, rawArguments ?? JSON.stringify(args));
    this.#end(call);
  }

  #end(call: StepCall): void {
    call.isOpen = false;
    for (const [index, one] of this.#arriving) if (one === call) this.#arriving.delete(index);
    this.#write({ type: "TOOL_CALL_END", toolCallId: call.id });
  }

  #result(toolCallId: string, content: string, isError: boolean): void {
    this.#close();
    const messageId = this.#steps.addResult(toolCallId, content);
    this.#write({
      type: "TOOL_CALL_RESULT",
      messageId,
      toolCallId,
      content,
      role: "tool",
      ...(isError && { metadata: { tanstack: { state: "output-error" } } }),
    });
  }

  #custom(name: string, value: unknown): void {
    const event: AgUiEvent = { type: "CUSTOM", name, value };
    this.#customs.push(event);
    this.#write(event);
  }

  #rewind(length: number, reasoningLength: number): void {
    if (length === 0 && reasoningLength === 0 && this.#arriving.size === 0) return;
    this.#closeAll();
    this.#arriving.clear();
    this.#steps.rewind(length, reasoningLength);
    const snapshot = this.#snapshot();
    if (!snapshot) return this.#over({ type: "RUN_ERROR", message: LOST_PLACE, code: "truncated" });
    this.#write(snapshot);
    for (const event of this.#steps.current()) this.#write(event);
  }

  /** Shows the reply so far to a front end that has something else. */
  #showAgain(): void {
    const snapshot = this.#snapshot();
    if (!snapshot) return this.#over({ type: "RUN_ERROR", message: LOST_PLACE, code: "truncated" });
    this.#out += this.#writer.again([snapshot, ...this.#customs, ...this.#steps.current()]);
    this.#open = undefined;
  }

  /** @param shown messages of the reply that the snapshot removes */
  #snapshot(shown: readonly AgUiMessage[] = []): AgUiEvent | undefined {
    const { conversation } = this.#connection;
    if (!conversation) return undefined;
    return { type: "MESSAGES_SNAPSHOT", messages: [...conversation, ...this.#steps.before(conversation, shown)] };
  }

  #complete(message: AssistantMessage): void {
    if (message.interrupted && this.#connection.hasBeenAway) {
      return this.#over({ type: "RUN_ERROR", message: STOPPED, code: "aborted", ...usageOf(message) });
    }
    this.#closeAll();
    for (const call of this.#steps.allCalls) call.isOpen = false;
    for (const event of callsToAnswer(message)) this.#write(event);
    if (this.#writer.phase !== "live") this.#showAgain();
    if (this.#isOver) return;
    const ids = { threadId: this.#threadId, runId: this.#runId };
    this.#over({ type: "RUN_FINISHED", ...ids, ...finishOf(message, this.#connection.protocolVersion !== undefined) });
  }

  #fail({ message, kind, partial }: SendErrorData): void {
    this.#over({ type: "RUN_ERROR", message, code: kind, ...(partial && usageOf(partial)) });
  }

  /** The server closes the connection; the run continues. */
  #goAway(): void {
    if (this.#connection.comesBack) this.#out = AWAY;
    else {
      const message = "The connection has ended before the reply. The reply continues.";
      this.#over({ type: "RUN_ERROR", message, code: "truncated" });
    }
    this.#isOver = true;
  }

  /** Writes the terminal event, which every front end gets. */
  #over(event: AgUiEvent): void {
    this.#isOver = true;
    this.#out += this.#writer.phase === "live" ? this.#writer.write(event) : this.#writer.again([event]);
  }

  #nextStep(): void {
    if (!this.#steps.isAnswered) return;
    this.#close();
    this.#steps.next();
  }

  #close(): void {
    switch (this.#open) {
      case "text":
        this.#write({ type: "TEXT_MESSAGE_END", messageId: this.#steps.messageId });
        break;
      case "reasoning":
        this.#write({ type: "REASONING_MESSAGE_END", messageId: this.#steps.reasoningId });
        this.#write({ type: "REASONING_END", messageId: this.#steps.reasoningId });
        break;
      case undefined:
        break;
    }
    this.#open = undefined;
  }

  /** Closes what is open, also calls whose arguments are not complete: a run that finishes may leave nothing open. */
  #closeAll(): void {
    this.#close();
    for (const call of this.#steps.allCalls) {
      if (call.isOpen) this.#write({ type: "TOOL_CALL_END", toolCallId: call.id });
    }
  }

  #write(event: AgUiEvent): void {
    this.#out += this.#writer.write(event);
  }
}
