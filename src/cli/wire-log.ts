/** `CLOUDLLM_LOG=debug`: a line on stderr for each request and each response. */

import type { ClientOptions, ObservedRequest, ObservedResponse } from "../index.ts";
import { CommandError } from "./command-error.ts";
import { quoted } from "./one-line.ts";

/** Maximum length of a body in a line, in characters. */
const MAX_BODY = 4_000;

/** The hooks of a client. */
type Hooks = Pick<ClientOptions, "onRequest" | "onResponse">;

/**
 * Returns the hooks that write the lines; none unless the variable asks for them.
 * @throws {CommandError} when the variable has another value
 */
export function wireLogOf(env: NodeJS.ProcessEnv, write: (line: string) => unknown): Hooks {
  const { CLOUDLLM_LOG: level = "" } = env;
  if (level === "" || level === "off") return {};
  if (level !== "debug") throw new CommandError("CLOUDLLM_LOG must be `debug` or `off`.", 2);
  return {
    onRequest: (request) => write(requestLine(request)),
    onResponse: (response) => write(responseLine(response)),
  };
}

function requestLine({ number, method, url, body }: ObservedRequest): string {
  return `cloudllm: debug: request ${number}: ${method} ${url} ${quoted(body, MAX_BODY)}`;
}

function responseLine({ request, status, durationMs, bytes, ending, error, body }: ObservedResponse): string {
  const head = status === undefined ? "no response" : `status ${status}`;
  const facts = [head, `${Math.round(durationMs)} ms`, `${bytes} bytes`, error ?? ending].join(", ");
  return `cloudllm: debug: response ${request.number}: ${facts} ${quoted(body, MAX_BODY)}`.trimEnd();
}
