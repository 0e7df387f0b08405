/** Several answers to one question: paid for, and not to be told apart in one message. */

import type { SendOptions } from "../../contract/client.ts";
import { type Endpoint, refuse } from "../protocol.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * The fields without a number of answers above one.
 * @param name the field, under which `providerOptions` may ask for them
 * @throws {SendError} kind `unsupported`, unless the caller wants such options left out
 */
export function oneAnswer(fields: Fields, name: string, endpoint: Endpoint, options: SendOptions): Fields {
  const { [name]: count, ...rest } = fields;
  if (!(Number(count) > 1)) return fields;
  const advice = "A reply is one answer: send the question several times instead.";
  refuse(`several answers (\`${name}: ${Number(count)}\`)`, endpoint, options, advice);
  return rest;
}
