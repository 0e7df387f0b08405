/** Signs requests with credentials of Amazon Web Services. */

import { SendError } from "../contract/errors.ts";
import { loadPart } from "../contract/load-part.ts";
import { allNames, checkNames } from "../contract/unknown-option.ts";
import { LazyPart } from "../platform/lazy-part.ts";
import { answerOf, type KeyRequest, type SignRequest } from "./authorization.ts";
import type { AwsCredentials } from "./aws-signature.ts";

/** The signatures, which the first signed request loads: most programs have none. */
const signatures: LazyPart<typeof import("./aws-signature.ts")> = /* @__PURE__ */ new LazyPart(
  "The signatures of AWS",
  () => import("./aws-signature.ts"),
);

/** Returns the credentials of the next request. It keeps them for as long as they are valid. */
export type AwsCredentialsFunction = (asked: KeyRequest) => AwsCredentials | Promise<AwsCredentials>;

/** The options of `awsSigner`. */
export interface AwsSignerOptions {
  /** Such as `us-east-1`. */
  readonly region: string;
  /** The service's name in signatures, such as `bedrock`. */
  readonly service: string;
  readonly credentials: AwsCredentials | AwsCredentialsFunction;
  /**
   * The time in milliseconds since 1970.
   * @default Date.now
   */
  readonly now?: (() => number) | undefined;
}

/**
 * Returns a function for the option `sign` of a client.
 * @throws {TypeError} when an option is unknown or invalid
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function awsSigner(options: AwsSignerOptions): SignRequest {
  checkNames(options, allNames<AwsSignerOptions>({ region: true, service: true, credentials: true, now: true }));
  const { region, service, credentials, now = Date.now } = options;
  return async (request) => {
    const asked = { isRefused: request.isRefused === true };
    const given =
      typeof credentials === "function" ? await answerOf("credentials", () => credentials(asked)) : credentials;
    if (!areCredentials(given)) {
      const message = "The AWS credentials are invalid. Expected { accessKeyId, secretAccessKey, sessionToken? }.";
      throw new SendError("authentication", message);
    }
    const { signatureOf } = await loadPart(signatures);
    return await signatureOf(request, given, { region, service, at: now() });
  };
}

/** Ids and tokens are headers, so they are visible ASCII. */
const VISIBLE = /^[\x21-\x7e]+$/;

/** Returns whether a value is a set of credentials that can be sent. */
export function areCredentials(value: unknown): value is AwsCredentials {
  if (typeof value !== "object" || value === null) return false;
  const { accessKeyId, secretAccessKey, sessionToken } = value as Partial<Record<keyof AwsCredentials, unknown>>;
  const isText = (text: unknown) => typeof text === "string" && VISIBLE.test(text);
  return isText(accessKeyId) && isText(secretAccessKey) && (!sessionToken || isText(sessionToken));
}
