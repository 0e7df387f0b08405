/** The contract, on a traced client: telemetry changes nothing, also when it fails. */

import type { ClientWrapper } from "cloudllm";
import { type TracedOptions, traced } from "cloudllm/otel";
import { contractSuite, scriptedClient } from "cloudllm/testing";
import { afterAll, describe, expect } from "vitest";
import { registerCases } from "../support/contract-tests.ts";
import { telemetry } from "../support/telemetry.ts";

const kept = telemetry();

function fail(): never {
  throw new Error("the telemetry is broken");
}

const BROKEN: TracedOptions = {
  tracer: { startActiveSpan: fail },
  meter: { createHistogram: fail, createCounter: fail },
  captureContent: fail,
  attributes: fail,
  inject: fail,
};

/** Its spans and instruments fail where they are used. */
const BROKEN_LATE: TracedOptions = {
  tracer: {
    startActiveSpan: (_name, _start, run) => {
      const result = run({ isRecording: () => true, setAttributes: fail, addEvent: fail, setStatus: fail, end: fail });
      return result as ReturnType<typeof run>;
    },
  },
  meter: { createHistogram: () => ({ record: fail }), createCounter: () => ({ add: fail }) },
  captureContent: true,
};

const OPTIONS: readonly (readonly [string, TracedOptions])[] = [
  ["spans, metrics and content", { tracer: kept.tracer, meter: kept.meter, captureContent: true }],
  ["nothing", {}],
  ["a tracer and a meter that throw", BROKEN],
  ["spans and instruments that throw", BROKEN_LATE],
];

describe.each(OPTIONS)("the contract, on a client traced with %s", (_name, options) => {
  const cases = contractSuite({
    open(scripts) {
      const client = scriptedClient(scripts);
      const wrapped: ClientWrapper = traced(client, options);
      return {
        client: wrapped,
        requests: () => client.calls.length,
        closed: async (call) => client.calls[call]?.closed,
        sent: (call) => client.calls[call]?.chunks ?? 0,
      };
    },
    readAhead: 1,
  });
  registerCases(cases);
});

afterAll(() => {
  expect(kept.spans.length).toBeGreaterThan(50);
  // A case may leave a stream unread; no span ends twice.
  expect(Math.max(...kept.spans.map(({ ends }) => ends))).toBe(1);
});
