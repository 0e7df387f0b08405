/** One model in `data.ts`: every fact with the letters of its sources. */

/** A source of facts. `date`: the date of the snapshot of the repository, or the day on which the page was read. */
export interface Source {
  /** A file of a public repository, or a page. */
  readonly name: string;
  /** `YYYY-MM-DD`. */
  readonly date: string;
}

/** Prices in US dollars per million tokens, as the provider lists them for its standard service. */
export interface Prices {
  /** Input that was neither read from a cache nor written to one. */
  readonly input: number;
  /** Input read from the provider's cache. Absent where no source states it. */
  readonly cachedInput?: number;
  /** Input written to the provider's cache: at Anthropic for five minutes. Absent where no source states it. */
  readonly cacheWrite?: number;
  /** Input written to the provider's cache for an hour, where that costs more. */
  readonly cacheWriteHour?: number;
  /** Output, reasoning included. */
  readonly output: number;
}

type Fact = readonly [value: number, sources: string];

/** One model. */
export interface Row {
  readonly id: string;
  readonly contextWindow?: Fact;
  readonly maxOutputTokens?: Fact;
  readonly input?: Fact;
  readonly cachedInput?: Fact;
  readonly cacheWrite?: Fact;
  readonly cacheWriteHour?: Fact;
  readonly output?: Fact;
  readonly longInput?: readonly [fromTokens: number, sources: string, prices?: Prices];
  readonly until?: readonly [day: string, sources: string, later?: Prices];
  readonly retired?: readonly [day: string, sources: string];
}
