/** The models that the server offers: each one under a name that pages and programs choose it by. */

import { type ClientWrapper, fallback } from "../../index.ts";
import type { Choice } from "../choice.ts";

/** The choices of clients that the command line makes. */
export interface Choices {
  /** Answers requests that name no model. */
  readonly first: Choice;
  /** Of each `--fallback`, in this order: asked when any of the others fails. */
  readonly fallbacks: readonly Choice[];
  /** The other models that a page may choose. */
  readonly others: readonly Choice[];
}

/** A model by its public name. */
export interface OfferedModel {
  readonly name: string;
  readonly client: ClientWrapper;
  /** The tokens that it reads at once, where they are known: of a longer conversation, the end is sent. */
  readonly maxTokens: number | undefined;
}

/**
 * Returns the models, the first one first. A name is that of the model; with its provider, where two providers have a
 * model of that name. A model that was given twice is offered once.
 * @param measured returns the client with its figures counted
 */
export async function offeredModels(
  { first, fallbacks, others }: Choices,
  measured: (client: ClientWrapper) => ClientWrapper,
): Promise<readonly [OfferedModel, ...OfferedModel[]]> {
  const { modelInfoOf } = await import("../../models/index.ts");
  const clients = [first, ...others].map(({ client }) => client);
  const isTaken = ({ provider, model }: ClientWrapper): boolean =>
    clients.some((other) => other.model === model && other.provider !== provider);
  const windowOf = ({ client, maxTokens }: Choice) => maxTokens ?? modelInfoOf(client)?.contextWindow ?? [];
  const offer = (choice: Choice): OfferedModel => {
    const { client } = choice;
    const all = [choice, ...fallbacks];
    const windows = all.flatMap(windowOf);
    return {
      name: isTaken(client) ? `${client.provider}:${client.model}` : client.model,
      client: measured(all.length === 1 ? client : fallback([client, ...fallbacks.map((other) => other.client)])),
      maxTokens: windows.length === 0 ? undefined : Math.min(...windows),
    };
  };
  const own = offer(first);
  const rest = others.map(offer);
  const isNew = ({ name }: OfferedModel, at: number): boolean =>
    name !== own.name && rest.findIndex((other) => other.name === name) === at;
  return [own, ...rest.filter(isNew)];
}
