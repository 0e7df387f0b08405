/** Azure's content filter: its findings on the prompt and the reply, which it adds to OpenAI's protocols. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { ContentFilterFinding } from "../../contract/content-filter.ts";
import { replaced } from "../../contract/error-copies.ts";
import { SendError } from "../../contract/errors.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";
import type { Decoder, Protocol, ReplyPosition } from "../protocol.ts";

/**
 * Returns one of OpenAI's protocols with the findings of the content filter: in `message.contentFilter` and in
 * `error.contentFilter`.
 * @see https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
 */
export function withContentFilter(protocol: Protocol): Protocol {
  return {
    ...protocol,
    createDecoder: (facts) => new FilteredDecoder(protocol.createDecoder(facts), facts),
    decodeComplete(body, facts, chunks) {
      if (isJsonObject(body)) readFindings(body, facts);
      protocol.decodeComplete(body, facts, chunks);
    },
    readError: (provider, status, body) => withFindings(protocol.readError(provider, status, body), body),
  };
}

class FilteredDecoder implements Decoder {
  readonly #inner: Decoder;
  readonly #facts: ReplyFacts;

  constructor(inner: Decoder, facts: ReplyFacts) {
    this.#inner = inner;
    this.#facts = facts;
  }

  push(event: object, type: string, chunks: MessageChunk[]): boolean {
    readFindings(event, this.#facts);
    try {
      return this.#inner.push(event, type, chunks);
    } catch (error) {
      throw error instanceof SendError ? withFindings(error, event) : error;
    }
  }

  end(sentinel: boolean, chunks: MessageChunk[]): void {
    this.#inner.end(sentinel, chunks);
  }

  position(): ReplyPosition | undefined {
    return this.#inner.position?.();
  }

  resume(): void {
    this.#inner.resume?.();
  }
}

/** The members with findings, in the events of both protocols and in complete replies. Every one may be missing. */
interface WireFiltered {
  readonly prompt_filter_results?: unknown;
  readonly choices?: unknown;
  readonly content_filters?: unknown;
  readonly response?: { readonly content_filters?: unknown } | null;
}

/** The fact that is written here. */
type Filtered = Pick<ReplyFacts, "contentFilter">;

function readFindings(event: object, facts: Filtered): void {
  const { prompt_filter_results, choices, content_filters, response } = event as WireFiltered;
  if (prompt_filter_results) add(facts, "prompt", prompt_filter_results);
  if (choices) add(facts, "reply", choices);
  const filters = content_filters ?? response?.content_filters;
  if (!Array.isArray(filters)) return;
  for (const filter of filters) {
    if (isJsonObject(filter)) add(facts, filter.source_type === "prompt" ? "prompt" : "reply", [filter]);
  }
}

/** Adds findings that say something. Events repeat them: the last about a category counts. */
function add(facts: Filtered, subject: ContentFilterFinding["subject"], holders: unknown): void {
  if (!Array.isArray(holders)) return;
  for (const holder of holders) {
    const results: unknown = isJsonObject(holder)
      ? (holder.content_filter_results ?? holder.content_filter_result)
      : {};
    for (const finding of findingsIn(results, subject)) {
      const others = (facts.contentFilter ?? []).filter(
        (one) => one.subject !== subject || one.category !== finding.category,
      );
      facts.contentFilter = [...others, finding];
    }
  }
}

/** Names of categories. Other text does not enter messages and errors. */
const CATEGORY = /^[\w .-]{1,64}$/;

function findingsIn(results: unknown, subject: ContentFilterFinding["subject"]): readonly ContentFilterFinding[] {
  if (!isJsonObject(results)) return [];
  return Object.entries(results).flatMap(([category, result]) => {
    if (!isJsonObject(result) || !CATEGORY.test(category)) return [];
    const { filtered, detected, severity } = result;
    const isSevere = typeof severity === "string" && severity !== "safe" && CATEGORY.test(severity);
    if (filtered !== true && detected !== true && !isSevere) return [];
    return [{ subject, category, filtered: filtered === true, ...(isSevere && { severity }) }];
  });
}

/** Returns the error with the findings in its body, also in words. */
function withFindings(error: SendError, body: unknown): SendError {
  const findings = findingsOfError(body);
  if (findings.length === 0) return error;
  const words = findings
    .filter(({ filtered }) => filtered)
    .map(({ category, severity }) => (severity === undefined ? category : `${category} (${severity})`));
  const { kind: _kind, message, ...facts } = error.toJSON();
  const text = words.length === 0 ? message : `${message} Filtered: ${words.join(", ")}.`;
  return replaced(error, { ...facts, contentFilter: findings, cause: error.cause }, text);
}

function findingsOfError(body: unknown): readonly ContentFilterFinding[] {
  const error = objectAt(body, "error");
  const inner = objectAt(error, "innererror") ?? objectAt(error, "inner_error");
  const facts: Filtered = {};
  if (inner) add(facts, "prompt", [inner]);
  if (error) readFindings(error, facts);
  return facts.contentFilter ?? [];
}

function objectAt(value: unknown, name: string): JsonObject | undefined {
  const inner = isJsonObject(value) ? value[name] : undefined;
  return isJsonObject(inner) ? inner : undefined;
}
