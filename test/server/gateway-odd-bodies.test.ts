/** Bodies that no program should send: each is answered or refused in a sentence, and none is a mistake of the server. */

import { SendError } from "cloudllm";
import { expect, test } from "vitest";
import { ask, testGateway } from "../support/gateway.ts";
import { oddJson } from "../support/odd-values.ts";
import { pick, type Random, randomFrom } from "../support/random.ts";

const PICTURE = "iVBORw0KGgo=";

/** A body with every kind of field, for each route. */
const BODIES: Readonly<Record<string, object>> = {
  "chat/completions": {
    model: "m",
    messages: [
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "Hi" },
          { type: "image_url", image_url: { url: `data:image/png;base64,${PICTURE}` } },
          { type: "file", file: { file_data: `data:application/pdf;base64,${PICTURE}`, filename: "a.pdf" } },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "a", content: "Rain" },
    ],
    tools: [{ type: "function", function: { name: "f", description: "d", parameters: { type: "object" } } }],
    tool_choice: { type: "function", function: { name: "f" } },
    response_format: { type: "json_schema", json_schema: { name: "n", schema: { type: "object" } } },
    stop: ["END"],
    max_tokens: 5,
    temperature: 0.5,
    reasoning_effort: "low",
    stream: true,
    stream_options: { include_usage: true },
  },
  messages: {
    model: "m",
    max_tokens: 5,
    system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "Hi" },
          { type: "image", source: { type: "base64", media_type: "image/png", data: PICTURE } },
          { type: "document", title: "t", source: { type: "text", media_type: "text/plain", data: "x" } },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm", signature: "s" },
          { type: "tool_use", id: "a", name: "f", input: {} },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "a", content: [{ type: "text", text: "Rain" }] }] },
    ],
    tools: [
      { name: "f", input_schema: { type: "object" } },
      { type: "web_search_20250305", name: "web_search" },
    ],
    tool_choice: { type: "tool", name: "f" },
    thinking: { type: "enabled", budget_tokens: 100 },
    output_config: { effort: "low", format: { type: "json_schema", schema: { type: "object" } } },
    metadata: { user_id: "u" },
    stop_sequences: ["END"],
    stream: true,
  },
};

/** Puts an odd value somewhere into a copy of the body, or takes something out. */
function mutated(body: object, random: Random): object {
  const copy: object = structuredClone(body);
  const places: (readonly [holder: Record<string, unknown>, key: string])[] = [];
  const walk = (holder: Record<string, unknown>): void => {
    for (const [key, value] of Object.entries(holder)) {
      places.push([holder, key]);
      if (typeof value === "object" && value !== null) walk(value as Record<string, unknown>);
    }
  };
  walk(copy as Record<string, unknown>);
  const [holder, key] = pick(random, places);
  if (random() < 0.2) delete holder[key];
  else holder[key] = oddJson(random);
  return copy;
}

test.each(Object.keys(BODIES))(
  "%s",
  async (route) => {
    const body = BODIES[route];
    if (!body) throw new Error(route);
    const errors: SendError[] = [];
    const gateway = testGateway(() => ({ text: "{}" }), { onError: (error) => errors.push(error) });
    const whole = await gateway.handle(ask(route, body));
    expect([whole.status, await whole.text()], "the body as it is").toEqual([200, expect.stringContaining('"{}"')]);
    const statuses = new Set<number>();
    for (let seed = 0; seed < 1_500; seed++) {
      const odd = mutated(body, randomFrom(seed));
      const response = await gateway.handle(ask(route, odd));
      const text = await response.text();
      statuses.add(response.status);
      if (response.status === 200) continue;
      const { message } = JSON.parse(text).error;
      expect(message, `seed ${seed}: ${JSON.stringify(odd).slice(0, 300)}`).toMatch(/^[^\n]+\.$/);
    }
    expect([...statuses].sort()).toEqual([200, 400]);
    for (const error of errors) expect(error).toBeInstanceOf(SendError);
    expect(errors.filter(({ kind }) => kind === "server")).toEqual([]);
  },
  60_000,
);
