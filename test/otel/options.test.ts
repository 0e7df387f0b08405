/** Options of `cloudllm/otel` that do not exist, or are malformed: they are named, and not ignored. */

import { expect, test } from "vitest";
import {
  type TracedHandlerOptions,
  type TracedOptions,
  traced,
  tracedHandler,
  tracedTools,
} from "../../src/otel/index.ts";
import { scriptedClient } from "../../src/testing/index.ts";
import { telemetry } from "../support/telemetry.ts";

const { tracer, meter } = telemetry();
const context = { active: () => 0, with: <Result>(_context: number, run: () => Result): Result => run() };
const propagation = { extract: (of: number) => of };
const API = { tracer, meter, context, propagation, route: "/api/chat" };

/** The functions of the entry, with the options of a program without types. */
const functions: readonly (readonly [string, (options: unknown) => unknown])[] = [
  ["traced", (options) => traced(scriptedClient([]), options as TracedOptions)],
  ["tracedTools", (options) => tracedTools([], options as TracedOptions)],
  ["tracedHandler", (options) => tracedHandler(async () => new Response(), options as TracedHandlerOptions<number>)],
];

const cases: readonly (readonly [object, string])[] = [
  [{ traser: tracer }, "Unknown option `traser`. Did you mean `tracer`?"],
  [{ capturecontent: true }, "Unknown option `capturecontent`. Did you mean `captureContent`?"],
  [{ spans: [] }, "Unknown option `spans`. Valid options: tracer, meter,"],
  [{ tracer: {} }, "The option `tracer` must be an object with `startActiveSpan`, not an object."],
  [{ tracer: "my-program" }, 'The option `tracer` must be an object with `startActiveSpan`, not "my-program".'],
  [
    { meter: { createHistogram: () => 0 } },
    "The option `meter` must be an object with `createHistogram` and `createCounter`",
  ],
  [{ captureContent: "yes" }, 'The option `captureContent` must be a boolean or a function, not "yes".'],
  [{ attributes: "a=b" }, 'The option `attributes` must be an object or a function, not "a=b".'],
  [{ providerName: 5 }, "The option `providerName` must be a string, not 5."],
  [{ inject: {} }, "The option `inject` must be a function, not an object."],
  [{ context: {} }, "The option `context` must be an object with `active` and `with`"],
  [{ propagation: null }, "The option `propagation` must be an object with `extract`, not null."],
  [{ route: /chat/ }, "The option `route` must be a string, not a RegExp object."],
];

test.each(functions.flatMap(([name, call]) => cases.map(([wrong, message]) => [name, wrong, message, call] as const)))(
  "%s names what is wrong with %o",
  (_name, wrong, message, call) => {
    expect(() => call({ ...API, ...wrong })).toThrow(TypeError);
    expect(() => call({ ...API, ...wrong })).toThrow(message);
  },
);

test.each(functions)("%s needs an object of options, and takes one for all functions", (_name, call) => {
  for (const wrong of [undefined, null, "tracer", new Map([["tracer", tracer]]), Promise.resolve(API)]) {
    expect(() => call(wrong)).toThrow("Telemetry needs an object of options, not ");
  }
  call(API);
  call({ ...API, meter: undefined, captureContent: undefined });
});

test.each(["tracer", "context", "propagation"])("a handler without `%s` is refused", (name) => {
  const handler = functions[2]?.[1];
  expect(() => handler?.({ ...API, [name]: undefined })).toThrow(`The option \`${name}\` must be an object with`);
});
