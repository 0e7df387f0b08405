/** A service on loopback that issues credentials: its answers in turn, and what it was asked. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, vi } from "vitest";

/** A request that the service got. */
interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly form: URLSearchParams;
}

export interface IssuerAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object becomes JSON. */
  readonly body: object | string;
}

export interface Issuer extends AsyncDisposable {
  readonly origin: string;
  readonly host: string;
  readonly asked: readonly Asked[];
}

/** The last answer is repeated. */
export async function startIssuer(...answers: readonly IssuerAnswer[]): Promise<Issuer> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    request.on("end", () => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
      const headers = request.headers as Asked["headers"];
      const { method = "" } = request;
      asked.push({ method, path: pathname, query: searchParams, headers, form: new URLSearchParams(text) });
      const { status = 200, headers: own, body } = answers[Math.min(asked.length, answers.length) - 1] ?? { body: {} };
      response.writeHead(status, { connection: "close", ...own });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

const VARIABLES = /^(AWS_|AZURE_|IDENTITY_|GOOGLE_|GCE_|CLOUDSDK_|HOME$|APPDATA$)/;

/** Hides the machine's own credentials from every test of a file. Returns a function that sets variables for one test. */
export function useVariables(): (variables: Readonly<Record<string, string>>) => void {
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (VARIABLES.test(name)) vi.stubEnv(name, undefined);
    vi.stubEnv("HOME", "/nowhere");
    vi.stubEnv("CLOUDSDK_CONFIG", "/nowhere");
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.useRealTimers();
  });
  return (variables) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  };
}
