/** What a page shows. */
export interface PageView {
  readonly status: "ready" | "submitted" | "streaming" | "error";
  readonly error?: string;
  readonly messages: readonly ShownMessage[];
  /** How often the messages were written. */
  readonly writes: number;
  readonly finishes: readonly {
    readonly isAbort: boolean;
    readonly isDisconnect: boolean;
    readonly isError: boolean;
    readonly finishReason?: string;
  }[];
  /** The names of the tools that the page was asked to run. */
  readonly toolCalls: readonly string[];
  readonly data: readonly unknown[];
  /** In React: the lines of the document, and the requests since the page was opened, as `GET stream`. */
  readonly lines?: readonly string[];
  readonly requests?: readonly string[];
}

export interface ShownMessage {
  readonly id: string;
  readonly role: string;
  readonly parts: readonly (Readonly<Record<string, unknown>> & { readonly type: string })[];
  readonly metadata?: unknown;
}

export interface PageOptions {
  readonly url: string;
  readonly id?: string;
  readonly messages?: readonly unknown[];
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly again?: readonly ("results" | "approvals")[];
  readonly guide?: boolean;
  readonly body?: object;
  readonly answer?: string;
  /** In React: whether the page resumes a reply when it opens. */
  readonly resume?: boolean;
}

export interface PageCall {
  readonly page: string;
  readonly method: string;
  readonly args?: readonly unknown[];
}

type Answer<T> = T | Promise<T>;

export interface Pages {
  open(options: PageOptions): Answer<{ readonly page: string; readonly id: string }>;
  call(call: PageCall): Answer<PageView>;
  begin(call: PageCall): Answer<object>;
  look(of: Pick<PageCall, "page">): Answer<PageView>;
}

export declare function pagesOf(name: string): Promise<Pages>;
