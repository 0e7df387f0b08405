/**
 * Arguments of a call that come value by value, each with its place: `{jsonPath: "$.a.b[0]", stringValue: "…"}`.
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling
 */

/** One value, or a piece of a text; `willContinue` says that more of the same text follows. */
export interface PartialArgument {
  readonly jsonPath?: string | null;
  readonly stringValue?: string | null;
  readonly numberValue?: number | null;
  readonly boolValue?: boolean | null;
  readonly nullValue?: unknown;
  readonly willContinue?: boolean | null;
}

/** A list with a place far beyond would fill the memory when it is written down. */
const LAST_PLACE = 100_000;

type Container = Record<string, unknown> | unknown[];

/** Puts a piece where it belongs; pieces of one text are joined. Returns false when its place is none. */
export function addArgument(root: Record<string, unknown>, piece: PartialArgument): boolean {
  const path = stepsOf(piece.jsonPath ?? "");
  const last = path.at(-1);
  if (!path.length || last === undefined || path.some((step) => typeof step === "number" && step > LAST_PLACE))
    return false;
  let container: Container = root;
  for (const [index, step] of path.slice(0, -1).entries()) {
    const known = read(container, step);
    const next: Container = isContainer(known) ? known : typeof path[index + 1] === "number" ? [] : {};
    if (next !== known) write(container, step, next);
    container = next;
  }
  const before = read(container, last);
  const value = pieceValue(piece);
  write(container, last, typeof before === "string" && typeof value === "string" ? before + value : value);
  return true;
}

function pieceValue({ stringValue, numberValue, boolValue }: PartialArgument): unknown {
  return stringValue ?? numberValue ?? boolValue ?? null;
}

/** `$.a['b c'][0]` → `["a", "b c", 0]`; nothing where the path is of another kind. */
function stepsOf(path: string): readonly (string | number)[] {
  if (!path.startsWith("$")) return [];
  const steps: (string | number)[] = [];
  const step = /\.([^.[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y;
  step.lastIndex = 1;
  for (let match = step.exec(path); match; match = step.exec(path)) {
    const [, name, index, single, double] = match;
    steps.push(index === undefined ? (name ?? (single ?? double ?? "").replace(/\\(.)/g, "$1")) : Number(index));
    if (step.lastIndex === path.length) return steps;
  }
  return [];
}

function read(container: Container, step: string | number): unknown {
  return Object.getOwnPropertyDescriptor(container, step)?.value;
}

/** As a property of its own, also where its name is `__proto__`. */
function write(container: Container, step: string | number, value: unknown): void {
  Object.defineProperty(container, step, { value, enumerable: true, writable: true, configurable: true });
}

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}
