/** Amazon's errors: a header names the exception, and the body may have nothing but a message. */

import type { SendErrorKind } from "../../contract/error-kind.ts";
import { SendError } from "../../contract/errors.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { wordsOf } from "../../platform/text-of.ts";
import { errorOf } from "../common/error-kinds.ts";
import type { Protocol } from "../protocol.ts";

/** Exceptions whose status says less. */
const KINDS: readonly (readonly [RegExp, SendErrorKind, string?])[] = [
  [/^(ExpiredToken|UnrecognizedClient|InvalidClientTokenId|MissingAuthenticationToken)/, "authentication"],
  [
    /^(InvalidSignature|SignatureDoesNotMatch|IncompleteSignature)/,
    "authentication",
    "Check the secret key, the region and the clock of this computer.",
  ],
  [/^(Throttling|ServiceQuotaExceeded|TooManyRequests)/, "rateLimit"],
  [/^(ModelNotReady|ServiceUnavailable)/, "overloaded"],
  [/^(ModelError|ModelTimeout|InternalServer)/, "server"],
];

/** Amazon's words for an API key that has expired or is unknown, under the exception of missing rights. */
const INVALID_KEY = /^(Bearer Token has expired|Authentication failed: Please make sure your API Key is valid)/i;

/**
 * Returns the error of a response of Bedrock.
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
 */
export const bedrockError: Protocol["readError"] = (provider, status, body, header) => {
  const plain = isJsonObject(body) && !body.error ? body : undefined;
  const named: unknown = header?.("x-amzn-errortype") ?? plain?.__type;
  const [type = ""] = typeof named === "string" ? (/[A-Z]\w+/.exec(named) ?? []) : [];
  const error = errorOf(provider, status, plain && type ? withCode(plain, type) : body);
  const [, ofType, advice] = KINDS.find(([pattern]) => pattern.test(type)) ?? [];
  const kind = INVALID_KEY.test(wordsOf(plain?.message ?? plain?.Message)) ? "authentication" : ofType;
  if (kind === undefined || (kind === error.kind && advice === undefined)) return error;
  const { kind: _other, message, retryable: _its, ...facts } = error.toJSON();
  return new SendError(kind, advice === undefined ? message : `${message} ${advice}`, facts);
};

/** Some of the services begin the names of fields with a capital letter. */
function withCode(body: JsonObject, code: string): JsonObject {
  const { Message, message = Message, ...others } = body;
  return { code, ...others, message };
}

/** Returns a protocol with the errors of Amazon. */
export function withBedrockErrors(protocol: Protocol): Protocol {
  return { ...protocol, readError: bedrockError };
}
