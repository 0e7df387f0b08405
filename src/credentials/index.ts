/**
 * Credentials as clouds give them to their own machines and pods: functions for the option `apiKey` of `AzureClient`
 * and `VertexClient`, and for `credentials` of `BedrockClient`. Each keeps its credential until shortly before its end.
 */

export { type AwsCredentialsOptions, awsCredentials } from "./aws.ts";
export {
  type AzureClientSecretOptions,
  type AzureManagedIdentityOptions,
  type AzureWorkloadIdentityOptions,
  azureClientSecret,
  azureManagedIdentity,
  azureWorkloadIdentity,
} from "./azure.ts";
export {
  type GoogleOptions,
  type GoogleServiceAccountKey,
  googleApplicationDefault,
  googleServiceAccount,
} from "./google.ts";
export type { KeptCredential } from "./kept-credential.ts";
