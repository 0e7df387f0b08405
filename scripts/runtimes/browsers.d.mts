/** A browser by its engine. */
export type BrowserName = "chromium" | "firefox" | "webkit";

export const BROWSERS: readonly BrowserName[];
export function browserPath(name: BrowserName): string | undefined;
export function displayPath(): string | undefined;
export function writeFirefoxProfile(folder: string, more?: Readonly<Record<string, unknown>>): void;
export function argumentsFor(name: BrowserName, profile: string, url: string): readonly string[];
export function startDisplay(): Promise<{ readonly name: string; close(): void }>;
