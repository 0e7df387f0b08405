/**
 * The list of models in the forms of OpenAI and Anthropic.
 * @see https://platform.openai.com/docs/api-reference/models/list
 * @see https://docs.anthropic.com/en/api/models-list
 */

import { type DialectBody, jsonBody } from "../dialect.ts";

/** A model of the list. */
interface ListedModel {
  /** The name by which programs choose it. */
  readonly name: string;
  readonly provider: string;
}

/** The forms of the list, and of one model. */
export interface ModelForms {
  list(models: readonly ListedModel[]): DialectBody;
  model(model: ListedModel): DialectBody;
}

/** The time at which a model was made is not known here. */
const UNKNOWN_TIME = 0;

/** The list as OpenAI's libraries read it. */
export const openAiModels: ModelForms = {
  list: (models) => jsonBody({ object: "list", data: models.map(openAiModel) }),
  model: (model) => jsonBody(openAiModel(model)),
};

/** The list as Anthropic's libraries read it: one page. */
export const anthropicModels: ModelForms = {
  list: (models) =>
    jsonBody({
      data: models.map(anthropicModel),
      has_more: false,
      first_id: models[0]?.name ?? null,
      last_id: models.at(-1)?.name ?? null,
    }),
  model: (model) => jsonBody(anthropicModel(model)),
};

function openAiModel({ name, provider }: ListedModel): object {
  return { id: name, object: "model", created: UNKNOWN_TIME, owned_by: provider };
}

function anthropicModel({ name }: ListedModel): object {
  return { type: "model", id: name, display_name: name, created_at: new Date(UNKNOWN_TIME).toISOString() };
}
