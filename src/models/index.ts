/** The public face of `cloudllm/models`: limits and prices of models, as far as public sources state them. */

export { costOf } from "./cost.ts";
export { type ModelFact, type ModelInfo, type ModelName, modelInfoOf } from "./model-info.ts";
export type { Prices, Source } from "./row.ts";
