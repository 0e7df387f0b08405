/** The table of faults, told to a tracer and a meter: each call's span and measurements are what v0.1.0 demands. */

import { type Message, type ProviderClient, SendError, type SendOptions } from "cloudllm";
import { traced } from "cloudllm/otel";
import { afterAll, describe, expect, test } from "vitest";
import { SECTIONS } from "../faults/cases/index.ts";
import { exclusionOf } from "../faults/outcomes.ts";
import { KEY, type Options, Scene } from "../faults/scene.ts";
import { SPEAKERS } from "../faults/speakers/index.ts";
import { type Telemetry, telemetry } from "../support/telemetry.ts";
import { demandMeasurements, demandSpan, type SeenCall } from "./demands.ts";

/** Not here: what takes a process of its own, the relay's logs, and sessions, which are several calls. */
const SKIPPED = ["1.9", "1.11", "1.24", "1.25", "1.26", "1.27", "3.8", "5.13", "6.6"];
const TRACED = [1, 2, 3, 4, 5, 6, 7];

const PROVIDERS: Readonly<Record<string, string>> = { gemini: "gcp.gemini", xai: "x_ai" };

/** One call: its telemetry, and how it ended for its caller. */
interface Kept {
  readonly kept: Telemetry;
  seen: SeenCall | undefined;
}

/** A scene whose clients are traced, each call by a telemetry of its own. */
class TracedScene extends Scene {
  readonly records: Kept[] = [];

  override client(origin: string, options: Options = {}): ProviderClient {
    const client = super.client(origin, options);
    const { hostname: host, port, protocol } = new URL(origin);
    const { provider, model } = client;
    const about = {
      provider: PROVIDERS[provider] ?? provider,
      model,
      operation: provider === "gemini" ? ("generate_content" as const) : ("chat" as const),
      address: { host, port: Number(port) || (protocol === "http:" ? 80 : 443) },
    };
    const begin = (): { record: Kept; wrapped: ReturnType<typeof traced> } => {
      const kept = telemetry();
      const record: Kept = { kept, seen: undefined };
      this.records.push(record);
      return { record, wrapped: traced(client, { tracer: kept.tracer, meter: kept.meter }) };
    };
    const recovers = (its: SendOptions = {}) => (its.recover ?? options.recover) !== undefined;
    const methods = {
      async sendMessage(messages: readonly Message[], its?: SendOptions) {
        const { record, wrapped } = begin();
        const isStreamed = recovers(its);
        try {
          const message = await wrapped.sendMessage(messages, its);
          record.seen = { ...about, isStreamed, message };
          return message;
        } catch (error) {
          if (error instanceof SendError) record.seen = { ...about, isStreamed, error };
          throw error;
        }
      },
      async sendMessageStream(messages: readonly Message[], its?: SendOptions) {
        const { record, wrapped } = begin();
        try {
          const stream = await wrapped.sendMessageStream(messages, its);
          stream.onEnd((message, error) => {
            record.seen = error ? { ...about, isStreamed: true, error } : { ...about, isStreamed: true, message };
          });
          return stream;
        } catch (error) {
          if (error instanceof SendError) record.seen = { ...about, isStreamed: true, error };
          throw error;
        }
      },
    };
    return new Proxy(client, {
      get(target, name) {
        if (name === "sendMessage" || name === "sendMessageStream") return methods[name];
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}

let checked = 0;
const seenKinds = new Set<string>();

for (const { number, title, faults } of SECTIONS.filter((section) => TRACED.includes(section.number))) {
  describe(`${number}. ${title}`, () => {
    for (const fault of faults.filter(({ id, logs, isAlone }) => !SKIPPED.includes(id) && !logs && !isAlone)) {
      for (const speaker of SPEAKERS) {
        if (exclusionOf(fault, speaker) !== undefined) continue;
        test.concurrent(`${fault.id} ${fault.title} (${speaker.protocol})`, { timeout: 60_000 }, async () => {
          const scene = new TracedScene(speaker, "node:http");
          await fault.run?.(scene);
          await scene.close();
          for (const { kept, seen } of scene.records) {
            if (!seen) continue; // a stream that the case left unread
            checked++;
            seenKinds.add(seen.error?.kind ?? seen.message?.finishReason ?? "");
            expect(kept.spans).toHaveLength(1);
            const [span] = kept.spans;
            if (span) demandSpan(seen, span);
            demandMeasurements(seen, kept.measurements);
            const told = JSON.stringify([kept.spans, kept.measurements]);
            expect(told).not.toContain(KEY);
            expect(told).not.toContain('"hi"'); // the question
          }
        });
      }
    }
  });
}

afterAll(() => {
  expect(checked).toBeGreaterThan(300);
  const all = ["stop", "length", "toolCalls", "stopped", "aborted", "truncated", "network", "timeout", "rateLimit"];
  expect([...seenKinds]).toEqual(expect.arrayContaining([...all, "server", "protocol", "authentication"]));
});
