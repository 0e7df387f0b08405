/** What a run found; `report.mjs` says what each part is. */
export interface Facts {
  readonly date: string;
  readonly machine: { readonly platform: string; readonly arch: string; readonly cores: number };
  readonly load: { readonly before: number; readonly after: number };
  readonly eventBytes: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly runs: readonly {
    readonly node: string;
    readonly leftOut: readonly string[];
    readonly failures: Readonly<Record<string, string>>;
    readonly results: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  }[];
}

export function withFigures(readme: string, facts: Facts): string;
