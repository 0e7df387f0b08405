/** The value of a reply with `output`, while it is written, for streams that come without `partialObject()`. */

import type { DeepPartial } from "../stream/deep-partial.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { PartialOutput } from "../stream/partial-output.ts";

/**
 * Yields views of the value that the option `output` asked for, as `stream.partialObject()` of other clients does. A
 * function of its own, so that a page without it does not carry a parser.
 * @throws {SendError} every error that a loop over the stream throws
 * @example
 * ```ts
 * import { partialObject, relayClient } from "cloudllm/web";
 *
 * const output = { type: "object", properties: { title: { type: "string" } }, required: ["title"] };
 *
 * export async function name(story: string, show: (view: unknown) => void): Promise<void> {
 *   const client = relayClient({ url: "/api/name" });
 *   const stream = await client.sendMessageStream([{ role: "user", content: story }], { output });
 *   for await (const view of partialObject(stream)) show(view);
 * }
 * ```
 */
export async function* partialObject<Output = unknown>(
  stream: MessageStream<Output>,
): AsyncGenerator<DeepPartial<Output>, void> {
  const output = new PartialOutput();
  let shown: unknown;
  for await (const batch of stream.batches()) {
    for (const chunk of batch) output.add(chunk);
    if (output.value === shown) continue;
    shown = output.value;
    yield shown as DeepPartial<Output>;
  }
}
