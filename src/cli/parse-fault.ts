/** Says what is wrong with arguments that cannot be parsed, and what was probably meant. */

/** The options of the command line, as `parseArgs` takes them. */
type Options = Readonly<Record<string, { readonly type: "string" | "boolean"; readonly short?: string }>>;

/** The part of a token of `parseArgs` that is read here. */
interface Token {
  readonly kind: string;
  readonly name?: string;
  readonly rawName?: string;
  readonly value?: string | boolean | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** Returns a sentence about the first invalid option; `undefined` where none is found. */
export function parseFault(tokens: readonly Token[], options: Options): string | undefined {
  for (const { kind, name = "", rawName = "", value, inlineValue } of tokens) {
    if (kind !== "option") continue;
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option === undefined) return unknownFault(name, rawName, options);
    if (option.type === "boolean" && value !== undefined) return `${rawName} takes no value.`;
    if (option.type === "string" && value === undefined) return `${rawName} needs a value.`;
    if (option.type === "string" && !inlineValue && String(value).startsWith("-"))
      return `${rawName} needs a value. One that begins with a dash is written --${name}=${String(value)}.`;
  }
  return undefined;
}

function unknownFault(name: string, rawName: string, options: Options): string {
  const meant = rawName.startsWith("--") ? similarOption(name, Object.keys(options)) : undefined;
  const hint = meant === undefined ? "A question that begins with a dash goes behind --." : `Did you mean --${meant}?`;
  return `Unknown option '${rawName}'. ${hint}`;
}

/** Returns the option that a name was probably meant to be. */
function similarOption(name: string, names: readonly string[]): string | undefined {
  const plain = plainOf(name);
  return (
    names.find((known) => plainOf(known) === plain) ??
    names.find((known) => lettersOf(known) === lettersOf(name)) ??
    names.find((known) => isAlmost(plain, plainOf(known))) ??
    names.find((known) => plain.length >= 3 && known.split("-").includes(plain))
  );
}

/** In small letters, without dashes and without the `no` of a switch. */
function plainOf(name: string): string {
  return name.toLowerCase().replace(/^no-/, "").replaceAll(/[-_]/g, "");
}

/** Two letters in the wrong order are the commonest mistake. */
function lettersOf(name: string): string {
  return [...plainOf(name)].sort().join("");
}

/** Returns whether one letter was added, left out or replaced, beyond the first. */
function isAlmost(one: string, other: string): boolean {
  if (Math.min(one.length, other.length) < 3 || Math.abs(one.length - other.length) > 1 || one === "") return false;
  let from = 0;
  while (from < one.length && one[from] === other[from]) from++;
  const longer = one.length > other.length ? 1 : 0;
  const shorter = one.length < other.length ? 1 : 0;
  const same = longer + shorter === 0 ? 1 : 0;
  return from > 0 && one.slice(from + longer + same) === other.slice(from + shorter + same);
}
