/** The name of a provider, as the user types it. */

import { CommandError } from "./command-error.ts";
import { isProviderName, PROVIDER_NAMES, type ProviderName } from "./providers.ts";
import { BUILT_IN } from "./settings.ts";

/** @throws {CommandError} with the valid names */
export function providerOf(text: string): ProviderName | typeof BUILT_IN {
  const name = text.toLowerCase();
  if (isProviderName(name) || name === BUILT_IN) return name;
  const names = [...PROVIDER_NAMES, BUILT_IN].join(", ");
  throw new CommandError(`Unknown provider ${JSON.stringify(text)}. Valid providers: ${names}.`, 2);
}
