/** What clouds answer in place of a reply: whole responses, in the forms that were seen of them. */

import { response } from "../../support/raw-server.ts";
import type { CloudName } from "../speakers/clouds.ts";

/** All forms in which each cloud says one thing. */
export type Refusals = Readonly<Record<CloudName, readonly string[]>>;

type Headers = Readonly<Record<string, string>>;

function azure(status: number, body: object, headers: Headers = {}): string {
  return response(status, JSON.stringify(body), { "apim-request-id": "req-1", ...headers });
}

function amazon(status: number, type: string, body: object): string {
  return response(status, JSON.stringify(body), {
    "x-amzn-errortype": `${type}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
    "x-amzn-requestid": "req-1",
  });
}

/** An object, or an array with one, which Google sends for streams. */
function google(code: number, status: string, message: string, details?: readonly object[]): readonly string[] {
  const body = { error: { code, message, status, ...(details && { details }) } };
  return [response(code, JSON.stringify(body)), response(code, JSON.stringify([body]))];
}

export const EXPIRED: Refusals = {
  Azure: [
    azure(401, {
      statusCode: 401,
      message:
        "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired.",
    }),
    azure(401, { error: { code: "401", message: "Access denied due to invalid subscription key." } }),
  ],
  Bedrock: [
    amazon(403, "ExpiredTokenException", { message: "The security token included in the request is expired" }),
    amazon(403, "UnrecognizedClientException", { message: "The security token included in the request is invalid." }),
    amazon(403, "AccessDeniedException", { Message: "Bearer Token has expired" }),
    response(403, JSON.stringify({ Message: "Authentication failed: Please make sure your API Key is valid." })),
  ],
  Vertex: google(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", [
    { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "ACCESS_TOKEN_EXPIRED" },
  ]),
};

/** Each with a part of its explanation. */
export const FORBIDDEN: Readonly<Record<CloudName, readonly (readonly [string, string])[]>> = {
  Azure: [
    [
      azure(401, {
        error: {
          code: "PermissionDenied",
          message:
            "The principal `p` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/responses/write` to perform `POST /openai/responses` operation.",
        },
      }),
      "lacks the required data action",
    ],
    [
      azure(403, {
        error: {
          code: "AuthenticationTypeDisabled",
          message: "Key based authentication is disabled for this resource.",
        },
      }),
      "Key based authentication is disabled",
    ],
    [
      azure(403, {
        error: { code: "403", message: "Access denied due to Virtual Network/Firewall rules." },
      }),
      "Firewall rules",
    ],
  ],
  Bedrock: [
    [
      amazon(403, "AccessDeniedException", {
        message: "You don't have access to the model with the specified model ID.",
      }),
      "don't have access to the model",
    ],
    [
      amazon(403, "AccessDeniedException", {
        Message: "User: arn:aws:iam::1:user/u is not authorized to perform: bedrock:InvokeModel",
      }),
      "is not authorized to perform: bedrock:InvokeModel",
    ],
  ],
  Vertex: google(403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.predict' denied on resource.", [
    { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "IAM_PERMISSION_DENIED" },
  ]).map((answer) => [answer, "aiplatform.endpoints.predict"] as const),
};

export const UNKNOWN_MODEL: Refusals = {
  Azure: [
    azure(404, {
      error: {
        code: "DeploymentNotFound",
        message: "The API deployment for this resource does not exist: m-1.",
      },
    }),
  ],
  Bedrock: [
    amazon(404, "ResourceNotFoundException", { message: "The model m-1 is not found in this region." }),
    response(404, JSON.stringify({ error: { code: "model_not_found", message: "No model m-1.", type: "not_found" } })),
  ],
  Vertex: google(404, "NOT_FOUND", "Publisher Model `m-1` was not found or your project does not have access to it."),
};

/** The model is not where it was asked for. */
export const WRONG_PLACE: Refusals = {
  Azure: [azure(404, { error: { code: "404", message: "Resource not found: m-1" } })],
  Bedrock: [
    amazon(400, "ValidationException", {
      message: "Invocation of model ID m-1 with on-demand throughput isn't supported. Use an inference profile.",
    }),
    amazon(400, "ValidationException", { message: "The model `m-1` isn't supported on this route" }),
  ],
  Vertex: google(400, "FAILED_PRECONDITION", "The model m-1 is not available in the location eu."),
};

/** A quota is used up, or the model is busy. */
export const THROTTLED: Refusals = {
  Azure: [
    azure(
      429,
      { error: { code: "429", message: "Requests have exceeded the rate limit." } },
      { "retry-after-ms": "20" },
    ),
    azure(429, { error: { code: "too_many_requests", message: "Too Many Requests" } }, { "retry-after-ms": "20" }),
    azure(503, { error: { code: "NoCapacity", message: "The system is experiencing high demand." } }),
  ],
  Bedrock: [
    amazon(429, "ThrottlingException", { message: "Too many tokens, please wait before trying again." }),
    amazon(429, "ModelNotReadyException", { message: "Model is not ready for inference." }),
    amazon(503, "ServiceUnavailableException", { message: "Too many connections, please wait." }),
    amazon(424, "ModelErrorException", { message: "The model failed." }),
    amazon(500, "InternalServerException", { message: "Internal." }),
  ],
  Vertex: [
    ...google(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later.", [
      { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "0.02s" },
    ]),
    ...google(503, "UNAVAILABLE", "The service is currently unavailable."),
  ],
};

/** An error inside a stream that had begun, as data of an event. */
export const IN_STREAM: Readonly<Record<CloudName, readonly object[]>> = {
  Azure: [
    { error: { code: "429", message: "Requests have exceeded the rate limit." } },
    { statusCode: 429, message: "Rate limit is exceeded. Try again in 1 seconds." },
  ],
  Bedrock: [
    { type: "error", error: { type: "overloaded_error", message: "Too many connections." } },
    { error: { code: "throttling_exception", type: "rate_limit_error", message: "Too many tokens." } },
  ],
  Vertex: [
    { error: { code: 429, message: "Resource exhausted.", status: "RESOURCE_EXHAUSTED" } },
    { error: { code: 503, message: "Overloaded.", status: "UNAVAILABLE" } },
  ],
};
