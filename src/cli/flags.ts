/** The options of clients by their names on the command line: messages of clients name them as code does. */

const FLAGS: Readonly<Record<string, string>> = {
  "`allowInsecureHttp: true`": "--allow-insecure-http",
  "Raise `providerOptions.options.num_ctx`, or allow the cut with `providerOptions.truncate: true`.":
    "Start Ollama with a larger OLLAMA_CONTEXT_LENGTH, or send less.",
};

/** Returns a client's message with the names that its options have on the command line. */
export function withFlags(message: string): string {
  return Object.entries(FLAGS).reduce((text, [option, flag]) => text.replaceAll(option, flag), message);
}
