/** Credentials of Amazon Web Services. */

import type { KeyRequest } from "./authorization.ts";

/** The credentials of an AWS identity. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Present in temporary credentials. */
  readonly sessionToken?: string | undefined;
}

/** Returns the credentials of the next request. It keeps them for as long as they are valid. */
export type AwsCredentialsFunction = (asked: KeyRequest) => AwsCredentials | Promise<AwsCredentials>;

/** Ids and tokens are headers, so they are visible ASCII. */
const VISIBLE = /^[\x21-\x7e]+$/;

/** Returns whether a value is a set of credentials that can be sent. */
export function areCredentials(value: unknown): value is AwsCredentials {
  if (typeof value !== "object" || value === null) return false;
  const { accessKeyId, secretAccessKey, sessionToken } = value as Partial<Record<keyof AwsCredentials, unknown>>;
  const isText = (text: unknown) => typeof text === "string" && VISIBLE.test(text);
  return isText(accessKeyId) && isText(secretAccessKey) && (!sessionToken || isText(sessionToken));
}
