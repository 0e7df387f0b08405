/** The reply so far as messages of AG-UI: what a front end shows when the reply must be shown to it again. */

import type { AgUiEvent, AgUiMessage } from "./events.ts";

/** A tool call of a step. `isOpen`: its arguments are not complete. */
export interface StepCall {
  readonly id: string;
  readonly name: string;
  args: string;
  isOpen: boolean;
}

/** One answer of the model. The tools' results end it. */
interface Step {
  /** The id of its message. */
  readonly id: string;
  text: string;
  /** The thinking, one text for each span. */
  reasoning: string[];
  /** Whether the front end has seen thinking, also where that was taken back. */
  hasThought: boolean;
  calls: StepCall[];
  readonly results: Result[];
}

interface Result {
  readonly id: string;
  readonly toolCallId: string;
  readonly content: string;
}

/** Collects the steps of one reply. */
export class Steps {
  readonly #messageId: string;
  readonly #steps: Step[];
  #current: Step;

  constructor(messageId: string) {
    this.#messageId = messageId;
    this.#current = this.#step(messageId);
    this.#steps = [this.#current];
  }

  /** Returns the id of the message that is being written. */
  get messageId(): string {
    return this.#current.id;
  }

  /** Returns the id of the span of thinking that is being written. */
  get reasoningId(): string {
    return reasoningIdOf(this.#current, this.#current.reasoning.length - 1);
  }

  /** Returns whether the tools have answered: the next piece begins another message. */
  get isAnswered(): boolean {
    return this.#current.results.length > 0;
  }

  get hasText(): boolean {
    return this.#current.text !== "";
  }

  /** Returns all calls of the reply. */
  get allCalls(): readonly StepCall[] {
    return this.#steps.flatMap(({ calls }) => calls);
  }

  /** Begins the next message. */
  next(): void {
    this.#current = this.#step(`${this.#messageId}-${this.#steps.length + 1}`);
    this.#steps.push(this.#current);
  }

  addText(text: string): void {
    this.#current.text += text;
  }

  /** Begins a span of thinking. After a rewind, with nothing behind the last one, that one continues. */
  beginReasoning(): void {
    const { reasoning, text, calls } = this.#current;
    if (reasoning.length === 0 || text !== "" || calls.length > 0) reasoning.push("");
  }

  addReasoning(text: string): void {
    const { reasoning } = this.#current;
    reasoning.push((reasoning.pop() ?? "") + text);
    this.#current.hasThought = true;
  }

  addCall(call: StepCall): void {
    this.#current.calls.push(call);
  }

  /** Returns the message id of the result. */
  addResult(toolCallId: string, content: string): string {
    const id = `${this.#current.id}-${toolCallId}`;
    this.#current.results.push({ id, toolCallId, content });
    return id;
  }

  /** Removes the last `length` units of the text and `reasoningLength` of the thinking, and the calls that are open. */
  rewind(length: number, reasoningLength: number): void {
    let [text, reasoning] = [length, reasoningLength];
    for (const step of this.#steps.toReversed()) {
      const shorter = Math.min(text, step.text.length);
      step.text = step.text.slice(0, step.text.length - shorter);
      text -= shorter;
      for (let at = step.reasoning.length - 1; at >= 0 && reasoning > 0; at--) {
        const span = step.reasoning[at] ?? "";
        const less = Math.min(reasoning, span.length);
        step.reasoning[at] = span.slice(0, span.length - less);
        reasoning -= less;
      }
      step.reasoning = step.reasoning.filter((span) => span !== "");
      step.calls = step.calls.filter(({ isOpen }) => !isOpen);
    }
  }

  /**
   * Returns the messages of the steps before the current one, for the end of a snapshot of this conversation.
   * `HttpAgent` keeps the thinking that it shows when a snapshot has none, so an empty one takes the place of that of
   * this step, or of an earlier connection.
   * @param shown what the front end shows of the reply
   */
  before(conversation: readonly AgUiMessage[], shown: readonly AgUiMessage[]): readonly AgUiMessage[] {
    const isThought = ({ role }: AgUiMessage): boolean => role === "reasoning";
    const messages = this.#steps.slice(0, -1).flatMap(messagesOf);
    const id = this.#current.hasThought ? reasoningIdOf(this.#current, 0) : shown.find(isThought)?.id;
    if (id === undefined || [...conversation, ...messages].some(isThought)) return messages;
    return [...messages, { id, role: "reasoning", content: "" }];
  }

  /** Returns the events of the current step so far, all of them closed, and of all calls that are open. */
  current(): readonly AgUiEvent[] {
    const { id, text } = this.#current;
    const calls = this.#steps.flatMap((step) =>
      step.calls.filter(({ isOpen }) => isOpen || step === this.#current).flatMap((call) => callEvents(step.id, call)),
    );
    return [...reasoningEvents(this.#current), ...textEvents(id, text), ...calls];
  }

  #step(id: string): Step {
    return { id, text: "", reasoning: [], hasThought: false, calls: [], results: [] };
  }
}

function reasoningIdOf({ id }: Step, at: number): string {
  return `${id}-r${at + 1}`;
}

/** A step without text and calls has no message of the assistant. */
function messagesOf(step: Step): readonly AgUiMessage[] {
  const { id, text, reasoning, calls, results } = step;
  const toolCalls = calls
    .filter(({ isOpen }) => !isOpen)
    .map(({ id: callId, name, args }) => ({ id: callId, type: "function", function: { name, arguments: args } }));
  const message = {
    id,
    role: "assistant",
    ...(text !== "" && { content: text }),
    ...(toolCalls.length > 0 && { toolCalls }),
  };
  return [
    ...reasoning.map((content, at) => ({ id: reasoningIdOf(step, at), role: "reasoning", content })),
    ...(text !== "" || toolCalls.length > 0 ? [message] : []),
    ...results.map((result) => ({ ...result, role: "tool" })),
  ];
}

function reasoningEvents(step: Step): readonly AgUiEvent[] {
  return step.reasoning.flatMap((delta, at) => {
    const messageId = reasoningIdOf(step, at);
    return [
      { type: "REASONING_START", messageId },
      { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" },
      { type: "REASONING_MESSAGE_CONTENT", messageId, delta },
      { type: "REASONING_MESSAGE_END", messageId },
      { type: "REASONING_END", messageId },
    ] as const;
  });
}

function textEvents(messageId: string, delta: string): readonly AgUiEvent[] {
  if (delta === "") return [];
  return [
    { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
    { type: "TEXT_MESSAGE_CONTENT", messageId, delta },
    { type: "TEXT_MESSAGE_END", messageId },
  ];
}

function callEvents(parentMessageId: string, { id: toolCallId, name, args, isOpen }: StepCall): readonly AgUiEvent[] {
  return [
    { type: "TOOL_CALL_START", toolCallId, toolCallName: name, parentMessageId },
    ...(args === "" ? [] : [{ type: "TOOL_CALL_ARGS", toolCallId, delta: args } as const]),
    ...(isOpen ? [] : [{ type: "TOOL_CALL_END", toolCallId } as const]),
  ];
}
