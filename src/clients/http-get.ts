/** One GET on the way that a client takes: for requests that clients have no method for, such as a list of models. */

import { defaultTransport } from "#runtime";
import { SendError } from "../contract/errors.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { transportError, unsentError } from "../transport/network-errors.ts";
import type { Exchange, Receiver } from "../transport/transport.ts";
import { type ClientOptions, checkedBaseUrl } from "./definition.ts";
import { addressOf } from "./network.ts";

/** The options of `httpGet`: those of a client for its way, and the headers of the request. */
export interface HttpGetOptions extends Pick<ClientOptions, "agent" | "proxy" | "allowInsecureHttp"> {
  /** Headers of the request, such as a key. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Ends the request with kind `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a GET by the proxy, agent or socket that a client with these options uses. Redirects are not followed. Resolves
 * with any status. There is no limit of time but the signal's.
 * @param url as `baseUrl`, `unix:` included
 * @throws {SendError} when there is no answer; {TypeError} when an option is invalid
 */
export async function httpGet(
  url: string,
  { headers = {}, signal, ...given }: HttpGetOptions = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const { baseUrl, network } = addressOf(url, given);
  const address = checkedBaseUrl(baseUrl);
  const transport = defaultTransport(network);
  await transport.load?.();
  return await new Promise((resolve, reject) => {
    let exchange: Exchange | undefined;
    let status = 0;
    let text = "";
    const end = () => {
      offAbort(signal, abort);
      exchange?.release();
    };
    const fail = (error: SendError) => {
      end();
      exchange?.close();
      reject(error);
    };
    const abort = () =>
      fail(new SendError("aborted", "The caller's signal ended the request.", { cause: signal?.reason }));
    const send = () => {
      exchange = transport.open({ method: "GET", url: address, headers }, receiver);
    };
    const receiver: Receiver = {
      onHead(head) {
        status = head.status;
        exchange?.pull();
      },
      onText(delivered) {
        text += delivered;
        exchange?.pull();
      },
      onEnd() {
        end();
        resolve({ status, text: exchange?.decode(text) ?? text });
      },
      onError(error, safeToResend) {
        if (safeToResend)
          send(); // on another connection
        else fail(transportError(new URL(address).host, error, status > 0));
      },
    };
    if (signal?.aborted) return abort();
    onAbort(signal, abort);
    try {
      send();
    } catch (error) {
      fail(unsentError(error));
    }
  });
}
