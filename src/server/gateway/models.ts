/** The models of a gateway: which client answers for a name, and the list that programs see. */

import type { ClientWrapper } from "../../contract/client.ts";
import { Refusal } from "../../dialects/refusal.ts";

/** A client under the name by which programs choose it. */
export interface GatewayModel {
  /** In the list, and in `model` of the replies. */
  readonly name: string;
  readonly client: ClientWrapper;
  /** The name in the option `models`; absent for the client of the option `client`. */
  readonly key: string | undefined;
}

/** Finds the model for a name. */
export class GatewayModels {
  readonly list: readonly GatewayModel[];
  readonly #default: GatewayModel | undefined;

  constructor(client: ClientWrapper | undefined, models: Readonly<Record<string, ClientWrapper>>) {
    const named = Object.entries(models).map(([name, client]) => ({ name, client, key: name }));
    this.#default = client && { name: client.model, client, key: undefined };
    const isListed = named.some(({ name }) => name === this.#default?.name);
    this.list = this.#default && !isListed ? [this.#default, ...named] : named;
  }

  /** Returns the model for a name; the default for any other name, where there is one. */
  choose(name: string | undefined): GatewayModel | undefined {
    return this.find(name) ?? this.#default;
  }

  /** Returns the model of exactly this name. */
  find(name: string | undefined): GatewayModel | undefined {
    return this.list.find((model) => model.name === name);
  }
}

/** Returns the refusal of a name, with OpenAI's code. */
export function unknownModel(name: string): Refusal {
  const message = `The model \`${name}\` does not exist here. \`GET models\` lists those that do.`;
  return new Refusal(404, "notFound", message, { code: "model_not_found" });
}
