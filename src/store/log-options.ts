/** The times of logs that several processes share. */

import { checkNames } from "../contract/unknown-option.ts";

/** The options that such logs have in common. */
export interface LogOptions {
  /**
   * See `ReplyLog.leaseMs`.
   * @default 15_000
   */
  readonly leaseMs?: number | undefined;
  /**
   * How long an ended run is kept, in milliseconds. A run whose process has died is kept for `leaseMs` more.
   * @default 600_000 (10 minutes)
   */
  readonly keepMs?: number | undefined;
  /**
   * How long a run may last, in milliseconds. Then everything that is kept of it expires.
   * @default 86_400_000 (24 hours)
   */
  readonly maxRunMs?: number | undefined;
}

/** The same with their defaults. */
export type LogSettings = Readonly<Record<keyof LogOptions, number>>;

/** The number of entries that are read at once. */
export const DEFAULT_LIMIT = 500;

const DEFAULTS: Record<keyof LogOptions, number> = { leaseMs: 15_000, keepMs: 600_000, maxRunMs: 86_400_000 };

/**
 * Returns the times with their defaults.
 * @param others the names of the options that are not times
 * @throws {TypeError} when an option is unknown, or a time is not an integer
 */
export function logSettingsOf(options: LogOptions, others: readonly string[] = []): LogSettings {
  const times = { ...DEFAULTS };
  checkNames(options, [...Object.keys(DEFAULTS), ...others]);
  for (const [name, value] of Object.entries(options) as readonly [string, unknown][]) {
    if (value === undefined || !isTime(name)) continue;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
      throw new TypeError(
        `\`${name}\` must be an integer number of milliseconds, at least 1. Received ${String(value)}.`,
      );
    }
    times[name] = value;
  }
  return times;
}

function isTime(name: string): name is keyof LogOptions {
  return Object.hasOwn(DEFAULTS, name);
}
