/** Types of `programs.mjs`, which is JavaScript because the libraries in it may not be installed. */

export function run(library: string, method: string, args: object): Promise<unknown>;
