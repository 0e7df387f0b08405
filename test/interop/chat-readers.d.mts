/** Types of `chat-readers.mjs`, which is JavaScript because the libraries in it may not be installed. */

/** A question to a gateway. */
export interface Question {
  readonly origin: string;
  readonly key: string;
  readonly text: string;
  readonly tools?: readonly { readonly type: "function"; readonly name: string; readonly inputSchema: object }[];
}

export function aiSdk(question: Question): Promise<unknown>;
export function langChain(question: Question): Promise<unknown>;
export function aiSdkOpenAi(question: Question): Promise<unknown>;
export function aiSdkAnthropic(question: Question): Promise<unknown>;
