/** Presets of hosted servers: their addresses and keys, the fields that they have of their own, and what they refuse. */

import { CompatibleClient, type CompatiblePreset, type SendOptions } from "cloudllm";
import { describe, expect, test } from "vitest";
import { failureOf, HI, recorder, useEnvironment } from "../support/clouds.ts";

const given = useEnvironment();

const ADDRESSES: readonly (readonly [CompatiblePreset, string, string])[] = [
  ["together", "https://api.together.xyz/v1/chat/completions", "TOGETHER_API_KEY"],
  ["fireworks", "https://api.fireworks.ai/inference/v1/chat/completions", "FIREWORKS_API_KEY"],
  ["cerebras", "https://api.cerebras.ai/v1/chat/completions", "CEREBRAS_API_KEY"],
  ["moonshot", "https://api.moonshot.ai/v1/chat/completions", "MOONSHOT_API_KEY"],
  ["zai", "https://api.z.ai/api/paas/v4/chat/completions", "ZAI_API_KEY"],
  ["minimax", "https://api.minimax.io/v1/chat/completions", "MINIMAX_API_KEY"],
  ["perplexity", "https://api.perplexity.ai/chat/completions", "PERPLEXITY_API_KEY"],
];

const TOOLS = [{ name: "look", description: "Looks." }] as const;

async function bodyOf(preset: CompatiblePreset, model: string, options: SendOptions, stream = false) {
  const { sent, fetch } = recorder();
  const client = new CompatibleClient({ preset, model, apiKey: "k", fetch, retries: 0, ...options });
  await failureOf(client, stream);
  return sent[0]?.body ?? {};
}

test.each(ADDRESSES)("%s is at %s, with the key of %s", async (preset, url, name) => {
  const { sent, fetch } = recorder();
  given({ [`CLOUDLLM_${name}`]: "", [name]: "a-key" });
  await failureOf(new CompatibleClient({ preset, model: "m", fetch, retries: 0 }));
  expect(sent[0]).toMatchObject({ url, headers: { authorization: "Bearer a-key" } });
});

test.each(ADDRESSES)("%s is known by its address alone", async (preset, url) => {
  const options = { maxOutputTokens: 9, unsupported: "ignore", reasoning: "low", tools: TOOLS } as const;
  const { sent, fetch } = recorder();
  const baseUrl = url.replace("/chat/completions", "");
  await failureOf(new CompatibleClient({ baseUrl, model: "m", fetch, apiKey: "k", retries: 0, ...options }), true);
  expect(sent[0]?.body).toEqual(await bodyOf(preset, "m", options, true));
});

const OWN: readonly (readonly [string, CompatiblePreset, string, SendOptions, object])[] = [
  [
    "Cerebras names the limit as OpenAI does",
    "cerebras",
    "llama-4",
    { maxOutputTokens: 9 },
    { max_completion_tokens: 9 },
  ],
  ["Cerebras takes efforts for gpt-oss", "cerebras", "gpt-oss-120b", { reasoning: "low" }, { reasoning_effort: "low" }],
  ["Cerebras has a switch for others", "cerebras", "zai-glm-4.7", { reasoning: "none" }, { disable_reasoning: true }],
  ["Moonshot takes efforts", "moonshot", "kimi-k3", { reasoning: "high" }, { reasoning_effort: "high" }],
  ["Z.ai stops thinking", "zai", "glm-4.7", { reasoning: "none" }, { thinking: { type: "disabled" } }],
  [
    "Z.ai takes efforts since GLM-5.2",
    "zai",
    "glm-5.2",
    { reasoning: "low" },
    { thinking: { type: "enabled" }, reasoning_effort: "low" },
  ],
  ["MiniMax keeps thinking out of the text", "minimax", "MiniMax-M3", {}, { reasoning_split: true }],
  [
    "Perplexity filters its search",
    "perplexity",
    "sonar-pro",
    { search: { blockedDomains: ["x.com"], fromDate: "2026-01-05", country: "de" } },
    {
      search_domain_filter: ["-x.com"],
      search_after_date_filter: "1/5/2026",
      web_search_options: { user_location: { country: "DE" } },
    },
  ],
  ["Perplexity searches unless told", "perplexity", "sonar", { search: { mode: "off" } }, { disable_search: true }],
];

test.each(OWN)("%s", async (_name, preset, model, options, fields) => {
  expect(await bodyOf(preset, model, options)).toMatchObject(fields);
});

test("the arguments of Z.ai's calls arrive in pieces only where they are asked for", async () => {
  expect(await bodyOf("zai", "glm-5.2", { tools: TOOLS }, true)).toMatchObject({ tool_stream: true });
  expect(await bodyOf("zai", "glm-5.2", { tools: TOOLS })).not.toHaveProperty("tool_stream");
  expect(await bodyOf("zai", "glm-5.2", {}, true)).not.toHaveProperty("tool_stream");
});

const REFUSED: readonly (readonly [string, CompatiblePreset, string, SendOptions])[] = [
  ['`reasoning: "high"`', "cerebras", "zai-glm-4.7", { reasoning: "high" }],
  ['`toolChoice: "required"`', "moonshot", "kimi-k3", { tools: TOOLS, toolChoice: "required" }],
  ['`reasoning: "none"`', "moonshot", "kimi-k3", { reasoning: "none" }],
  ['`reasoning: "none"`', "zai", "glm-5.3", { reasoning: "none" }],
  ['`reasoning: "high"`', "zai", "glm-4.7", { reasoning: "high" }],
  ["`reasoning`", "minimax", "MiniMax-M3", { reasoning: "low" }],
  ["`temperature`", "minimax", "MiniMax-M3", { temperature: 1.5 }],
  ["`tools`", "perplexity", "sonar", { tools: TOOLS }],
  ["`stop`", "perplexity", "sonar", { stop: ["."] }],
  ["`seed`", "perplexity", "sonar", { seed: 1 }],
  ["`reasoning`", "perplexity", "sonar", { reasoning: "low" }],
  ["`search`", "together", "m", { search: {} }],
];

describe.each(REFUSED)("%s of %s (%s)", (what, preset, model, options) => {
  test("is refused before anything is sent", async () => {
    const { sent, fetch } = recorder();
    const failure = await failureOf(new CompatibleClient({ preset, model, apiKey: "k", fetch, ...options }));
    expect(failure).toMatchObject({ kind: "unsupported" });
    expect(failure.message).toContain(`does not support ${what}`);
    expect(sent).toEqual([]);
  });

  test("is left out where the caller wants that", async () => {
    const { messages, model: name, ...body } = await bodyOf(preset, model, { ...options, unsupported: "ignore" });
    expect(messages).toEqual([{ role: "user", content: HI[0].content }]);
    expect(name).toBe(model);
    for (const field of ["reasoning_effort", "thinking", "tool_choice", "stop", "seed", "temperature"])
      expect(body).not.toHaveProperty(field);
  });
});
