/** Spans and content, guarded: telemetry that fails does not end a call. */

import type { Attributes, Span, Tracer } from "./api.ts";
import type { TelemetryOptions } from "./options.ts";

/** Returns the JSON text of a piece of content; `undefined` where it is not to be recorded. */
export type Capture = (attribute: string, value: unknown) => string | undefined;

/** Returns the function that captures content; `undefined` when none is captured. */
export function captureOf({ captureContent }: TelemetryOptions): Capture | undefined {
  if (!captureContent) return undefined;
  return (attribute, value) =>
    quietly(() => {
      const shown = typeof captureContent === "function" ? captureContent(value, attribute) : value;
      return typeof shown === "string" || shown === undefined ? shown : JSON.stringify(shown);
    });
}

/** Returns the result of a piece of telemetry; `undefined` when it throws. */
export function quietly<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Calls `run` within a new span, which the caller ends; without one when there is no tracer, or it fails. */
export function withinSpan<Result>(
  tracer: Tracer | undefined,
  name: string,
  start: { readonly kind: number; readonly attributes: Attributes },
  run: (span: Span | undefined) => Promise<Result>,
): Promise<Result> {
  let running: Promise<Result> | undefined;
  quietly(() =>
    tracer?.startActiveSpan(name, { ...start }, (span: Span) => {
      running = run(span);
    }),
  );
  return running ?? run(undefined);
}
