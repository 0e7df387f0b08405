/** Requests from browsers, as spans that continue the browser's own trace. */

import { type Attributes, SPAN_KIND, STATUS_ERROR } from "./api.ts";
import { known } from "./call-telemetry.ts";
import { ATTRIBUTE } from "./conventions.ts";
import { checkOptions, type TracedHandlerOptions } from "./options.ts";
import { quietly, withinSpan } from "./span.ts";

/**
 * Returns a handler whose requests are spans (`POST /api/chat`), children of the span that the browser names in its
 * `traceparent`. The call of a `traced` client that a request begins is a child of its span. It continues when the
 * browser has left; a request's span ends with the headers of its response.
 *
 * Not needed behind an instrumentation of HTTP, which does the same.
 * @param handle of a relay (`createRelay`), of a gateway, or any other of web requests
 * @throws {TypeError} when an option is missing, unknown or malformed
 *
 * @example
 * ```ts
 * import { createRelay, type RelayOptions } from "cloudllm/server";
 * import { traced, tracedHandler, type TracedHandlerOptions } from "cloudllm/otel";
 *
 * // `api` is { tracer, context, propagation } of @opentelemetry/api
 * export function handlerOf<Context>(options: RelayOptions, api: TracedHandlerOptions<Context>) {
 *   const relay = createRelay({ ...options, client: traced(options.client, api) });
 *   return tracedHandler(relay.handle, api);
 * }
 * ```
 */
export function tracedHandler<Context>(
  handle: (request: Request) => Promise<Response>,
  options: TracedHandlerOptions<Context>,
): (request: Request) => Promise<Response> {
  checkOptions(options, ["tracer", "context", "propagation"]);
  const { tracer, context, propagation, route } = options;

  function answer(request: Request): Promise<Response> {
    const { method } = request;
    const name = route === undefined ? method : `${method} ${route}`;
    const attributes: Attributes = known({ "http.request.method": method, "http.route": route });
    return withinSpan(tracer, name, { kind: SPAN_KIND.server, attributes }, async (span) => {
      try {
        const response = await handle(request);
        const { status } = response;
        quietly(() => span?.setAttributes({ [ATTRIBUTE.httpStatus]: status }));
        if (status >= 500) {
          quietly(() => span?.setAttributes({ [ATTRIBUTE.errorType]: String(status) }));
          quietly(() => span?.setStatus({ code: STATUS_ERROR }));
        }
        return response;
      } catch (error) {
        quietly(() => span?.setStatus({ code: STATUS_ERROR }));
        throw error;
      } finally {
        quietly(() => span?.end());
      }
    });
  }

  return (request) => {
    const parent = quietly(() => propagation.extract(context.active(), Object.fromEntries(request.headers)));
    return parent === undefined ? answer(request) : context.with(parent, () => answer(request));
  };
}
