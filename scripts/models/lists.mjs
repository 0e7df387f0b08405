/**
 * Vendors' prices as npm packages stated them on 2026-11-29, in US dollars per million tokens. They are younger than the
 * collection that scripts/models.mjs reads, so they replace its facts.
 *
 * A row: `[id, window, most output, [input, cached, write, output], more]`. `null`: no list states it. `more.long`: from
 * how many tokens of input a request costs more, and the four prices then.
 */
const DATE = "2026-11-29";

/** Of three lists: the vendor's, OpenRouter's and Vercel AI Gateway's, which agree. */
const AGREED = [
  "price lists of npm @earendil-works/pi-ai 1.6.0 (vendors', OpenRouter's, Vercel AI Gateway's: they agree)",
  DATE,
];

/** Of the vendor's list alone. */
const VENDOR = ["price lists of vendors in npm @earendil-works/pi-ai 1.6.0", DATE];

/** Above 272,000 tokens of input: twice the input, the cached input and the writes, and 1.5 times the output. */
const openai = (id, [input, cached, write, output]) => [
  id,
  1_050_000,
  128_000,
  [input, cached, write, output],
  { long: [272_001, [input * 2, cached && cached * 2, write && write * 2, output * 1.5]] },
];

const M = 1_048_576;
const K64 = 65_536;
const above200K = (...prices) => ({ long: [200_001, prices] });

export const LISTS = {
  openai: [
    {
      source: AGREED,
      rows: [
        openai("gpt-6.2-astra", [8, 0.4, 10, 40]),
        openai("gpt-6.2-sol", [2, 0.1, 2.5, 10]),
        openai("gpt-6.1-sol", [2, 0.1, 2.5, 10]),
        openai("gpt-6.1-terra", [1, 0.05, 1.25, 5]),
        openai("gpt-6-astra", [10, 1, 12.5, 50]),
        openai("gpt-6-sol", [2, 0.2, 2.5, 10]),
        openai("gpt-6-luna", [0.1, 0.01, 0.125, 0.5]),
        // A promotion: the list price is 5 and 30.
        openai("gpt-5.6-sol", [4, 0.4, 5, 20]),
        openai("gpt-5.6", [4, 0.4, 5, 20]),
        openai("gpt-5.6-terra", [2, 0.2, 2.5, 12]),
        openai("gpt-5.6-luna", [0.2, 0.02, 0.25, 1.2]),
        openai("gpt-5.5", [5, 0.5, null, 30]),
        openai("gpt-5.5-pro", [30, null, null, 180]),
      ],
    },
    {
      source: VENDOR,
      rows: [openai("gpt-5.4", [2.5, 0.25, null, 15]), openai("gpt-5.4-pro", [30, null, null, 180])],
    },
  ],
  anthropic: [
    {
      source: AGREED,
      rows: [
        ["claude-fable-5-2", 1_000_000, 128_000, [8, 0.2, 10, 40]],
        ["claude-fable-5-1", 1_000_000, 128_000, [10, 0.25, 12.5, 50]],
        ["claude-fable-5", 1_000_000, 128_000, [10, 1, 12.5, 50]],
        ["claude-opus-5-5", 1_000_000, 128_000, [4, 0.2, 5, 20]],
        ["claude-opus-5", 1_000_000, 128_000, [5, 0.5, 6.25, 25]],
        ["claude-opus-4-8", 1_000_000, 128_000, [5, 0.5, 6.25, 25]],
        ["claude-opus-4-7", 1_000_000, 128_000, [5, 0.5, 6.25, 25]],
        ["claude-opus-4-6", 1_000_000, 128_000, [5, 0.5, 6.25, 25]],
        ["claude-sonnet-5-5", 1_000_000, 128_000, [2, 0.1, 2.5, 10]],
        ["claude-sonnet-5", 1_000_000, 128_000, [2, 0.2, 2.5, 10]],
        ["claude-haiku-5-5", 1_000_000, 128_000, [0.1, 0.01, 0.125, 0.5], { long: [100_001, [0.5, 0.05, 0.625, 2.5]] }],
      ],
    },
    {
      source: VENDOR,
      rows: [
        ["claude-sonnet-4-6", 1_000_000, 128_000, [3, 0.3, 3.75, 15]],
        ["claude-haiku-4-5", 200_000, 64_000, [1, 0.1, 1.25, 5]],
      ],
    },
  ],
  google: [
    {
      source: AGREED,
      rows: [
        ["gemini-4-neon", M, K64, [3, 0.15, null, 15]],
        ["gemini-4-argon", M, 32_768, [2, 0.1, null, 10]],
        ["gemini-4-carbon", M, 32_768, [2, 0.1, null, 10]],
        ["gemini-4-hydrogen", M, K64, [1.5, 0.075, null, 7.5]],
        ["gemini-3.8-flash", M, K64, [0.75, 0.075, null, 3.75]],
        ["gemini-3.7-flash", M, K64, [0.75, 0.075, null, 3.75]],
        ["gemini-3.6-flash", M, K64, [0.75, 0.075, null, 3.75]],
        ["gemini-3.5-flash", M, K64, [1.5, 0.15, null, 9]],
        ["gemini-3.5-flash-lite", M, K64, [0.3, 0.03, null, 2.5]],
        ["gemini-3.1-pro-preview", M, K64, [2, 0.2, null, 12], above200K(4, 0.4, null, 18)],
        ["gemini-3.1-flash-lite", M, K64, [0.25, 0.025, null, 1.5]],
        ["gemini-2.5-pro", M, K64, [1.25, 0.125, null, 10], above200K(2.5, 0.25, null, 15)],
        ["gemini-2.5-flash", M, K64, [0.3, 0.03, null, 2.5]],
        ["gemini-2.5-flash-lite", M, K64, [0.1, 0.01, null, 0.4]],
      ],
    },
    { source: VENDOR, rows: [["gemini-3-flash-preview", M, K64, [0.5, 0.05, null, 3]]] },
  ],
  xai: [
    {
      source: AGREED,
      rows: [
        ["grok-4.7", 500_000, null, [2, 0.5, null, 6], { long: [200_000, [4, 1, null, 12]] }],
        ["grok-4.6", 500_000, null, [2, 0.5, null, 6], { long: [200_000, [4, 1, null, 12]] }],
        ["grok-4.5", 500_000, null, [2, 0.3, null, 6], { long: [200_000, [4, 0.6, null, 12]] }],
        ["grok-4.3", 1_000_000, null, [1.25, 0.2, null, 2.5], { long: [200_000, [2.5, 0.4, null, 5]] }],
      ],
    },
  ],
  deepseek: [
    {
      source: AGREED,
      rows: [
        ["deepseek-flash", 1_000_000, 384_000, [0.3, 0.006, null, 1.2]],
        ["deepseek-v4-pro", 1_000_000, 384_000, [1.32, 0.044, null, 3.96]],
      ],
    },
  ],
  mistral: [
    {
      source: AGREED,
      rows: [
        ["mistral-large-latest", 1_000_000, 256_000, [0.7, 0.07, null, 2.1]],
        ["mistral-small-latest", 256_000, null, [0.15, 0.015, null, 0.6]],
      ],
    },
    { source: VENDOR, rows: [["mistral-medium-latest", 256_000, null, [1.5, 0.15, null, 7.5]]] },
  ],
  groq: [
    {
      source: VENDOR,
      rows: [
        ["openai/gpt-oss-20b", null, null, [0.075, 0.0375, null, 0.3]],
        ["openai/gpt-oss-120b", null, null, [0.15, 0.075, null, 0.6]],
        ["llama-3.1-8b-instant", null, null, [0.05, null, null, 0.08]],
        ["llama-3.3-70b-versatile", null, null, [0.59, null, null, 0.79]],
      ],
    },
  ],
};
