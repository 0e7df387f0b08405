export function accepts(engines: string | undefined, version: string): boolean;
