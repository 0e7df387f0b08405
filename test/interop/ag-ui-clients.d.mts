/** Types of `ag-ui-clients.mjs`, which is JavaScript because the packages in it may not be installed. */

/** Why there are no front ends; `undefined` when there are. */
export const agUiMissing: string | undefined;

/** The versions of `@ag-ui/client`. */
export const agentVersions: readonly string[];

/** An event of AG-UI, or a message. */
export type Loose = Readonly<Record<string, unknown>>;

/** What a subscriber of one run has seen. */
export interface AgentRun {
  readonly events: readonly (Loose & { readonly type: string })[];
  /** The text of the reply after each change. */
  readonly shown: readonly string[];
  /** The `RUN_ERROR`. */
  readonly error: Loose | undefined;
  /** What `runAgent` rejected with. */
  readonly rejected: unknown;
  readonly result: Loose | undefined;
}

export interface Agent {
  readonly agent: {
    addMessage(message: Loose): void;
    setMessages(messages: readonly Loose[]): void;
    abortRun(): void;
    threadId: string;
  };
  run(parameters?: Loose): Promise<AgentRun>;
  readonly messages: readonly Loose[];
}

/** Makes an `HttpAgent`. */
export function httpAgent(version: string, options: Loose): Promise<Agent>;

export interface ChatMessage {
  readonly id: string;
  readonly role: string;
  readonly parts: readonly (Loose & { readonly type: string })[];
}

/** A chat of TanStack AI, and what it has shown. */
export interface Chat {
  readonly client: {
    sendMessage(content: string | { readonly content: readonly object[] }): Promise<void>;
    setMessagesManually(messages: readonly ChatMessage[]): void;
    reload(): Promise<void>;
    loadOlderMessages(): Promise<void>;
    getHasOlderMessages(): boolean;
    stop(): void;
    attach(): void;
    dispose(): void;
    getMessages(): readonly ChatMessage[];
    /** Whether a run is under way. */
    getIsLoading(): boolean;
    getStatus(): string;
    getPendingInterrupts(): readonly Loose[];
    getCurrentRunId(): string | null;
    addToolResult(result: Loose): Promise<void>;
    addToolApprovalResponse(response: Loose): Promise<void>;
  };
  readonly seen: {
    /** The text of the reply after each change. */
    readonly shown: readonly string[];
    /** The types of the events. */
    readonly types: readonly string[];
    readonly statuses: readonly string[];
    readonly errors: readonly Error[];
    readonly customs: readonly { readonly name: string; readonly value: unknown }[];
  };
  textOf(): string;
}

export function tanStackChat(options: {
  readonly url: string;
  readonly chat?: Loose;
  readonly connection?: Loose;
}): Promise<Chat>;

/** Why CopilotKit is not here; `undefined` when it is. */
export const copilotMissing: string | undefined;

export interface CopilotKit {
  readonly core: {
    addTool(tool: Loose): void;
    runAgent(parameters: { readonly agent: unknown }): Promise<unknown>;
    connectAgent(parameters: { readonly agent: unknown }): Promise<unknown>;
  };
  readonly agent: {
    readonly messages: readonly Loose[];
    readonly isRunning: boolean;
    addMessage(message: Loose): void;
    abortRun(): void;
  };
  readonly errors: readonly Error[];
}

export function copilotKit(url: string, threadId: string): Promise<CopilotKit>;
