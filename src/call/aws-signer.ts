/** Signs requests with credentials of Amazon Web Services. */

import { loadPart } from "../contract/load-part.ts";
import { allNames, checkNames } from "../contract/unknown-option.ts";
import { LazyPart } from "../platform/lazy-part.ts";
import type { SignRequest } from "./authorization.ts";
import type { AwsCredentials, AwsCredentialsFunction } from "./aws-credentials.ts";

/** The signatures, which the first signed request loads: most programs have none. */
const signatures: LazyPart<typeof import("./aws-signature.ts")> = /* @__PURE__ */ new LazyPart(
  "The signatures of AWS",
  () => import("./aws-signature.ts"),
);

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
  return async (request) => (await loadPart(signatures)).signedHeaders(request, { region, service, credentials, now });
}
