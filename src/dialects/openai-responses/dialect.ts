/**
 * OpenAI's Responses, as a server speaks it: `POST responses`, `POST responses/input_tokens`, and the routes of a
 * response that is kept.
 * @see https://platform.openai.com/docs/api-reference/responses
 */

import type { AssistantMessage } from "../../contract/message.ts";
import { type DialectBody, jsonBody, type ReplyEvent } from "../dialect.ts";
import type {
  GatewayDialect,
  GatewayLine,
  GatewayReply,
  GatewayRoute,
  GatewayWire,
  ReplyReferences,
  ReplySoFar,
} from "../gateway/dialect.ts";
import { openAiErrorBody } from "../gateway/openai-errors.ts";
import { inDefaultOrder } from "../outline.ts";
import { badRequest } from "../refusal.ts";
import { ResponsesEncoder } from "./encoder.ts";
import { EventNumbers, NO_EVENTS } from "./event-numbers.ts";
import { replyIdOf, responseIdOf } from "./items.ts";
import { EMPTY_MEMO, type References, type ResponsesMemo, requestOf } from "./request.ts";

/** The wire of OpenAI's Responses. */
export const openAiResponses: GatewayDialect = {
  name: "openai-responses",
  routeOf,
  decode(body) {
    const { memo, isBackground, isStored, previous, references, ...request } = requestOf(body);
    return {
      ...request,
      ...(references && { references: repliesOf(references) }),
      // An id of another form is unknown, as one that has expired is.
      ...(previous !== undefined && { previous: replyIdOf(previous) ?? previous }),
      wire: wireOf(memo, -1),
      ...(isStored && { kept: { memo: { ...memo }, isBackground } }),
    };
  },
  error: openAiErrorBody,
  tokens: (count) => jsonBody({ object: "response.input_tokens", input_tokens: count }),
};

/** The id of an item has the id of its reply in it. */
const ITEM_ID = /^[a-z]+_([0-9A-Za-z-]+)_\d+$/;

function repliesOf({ ids, messagesWith }: References): ReplyReferences {
  const replies = ids.map((id) => ITEM_ID.exec(id)?.[1]).filter((reply) => reply !== undefined);
  return {
    replies: [...new Set(replies)],
    messagesWith(answers) {
      const items = answers.flatMap(({ text }) => (JSON.parse(text) as { output: readonly { id: string }[] }).output);
      return messagesWith((id) => items.find((item) => item.id === id));
    },
  };
}

function routeOf({ method, path, query }: GatewayLine): GatewayRoute | undefined {
  const [first, id, operation, ...more] = path.split("/");
  if (first !== "responses" || more.length > 0) return undefined;
  if (id === undefined) return method === "POST" ? { name: "reply" } : undefined;
  if (id === "input_tokens" && operation === undefined && method === "POST") return { name: "countTokens" };
  const reply = replyIdOf(id) ?? "";
  if (operation === "cancel" && method === "POST") return { name: "stop", reply, wire: wireOf(EMPTY_MEMO, -1) };
  if (operation !== undefined) return undefined;
  if (method === "DELETE") return { name: "forget", reply, wire: wireOf(EMPTY_MEMO, -1) };
  if (method !== "GET") return undefined;
  const isStreamed = query.get("stream") === "true";
  return { name: "attach", reply, isStreamed, wire: wireOf(EMPTY_MEMO, numberOf(query.get("starting_after"))) };
}

/** @throws {Refusal} 400 */
function numberOf(after: string | null): number {
  if (after === null || after === "") return -1;
  if (/^\d{1,15}$/.test(after)) return Number(after);
  throw badRequest("`starting_after` must be the `sequence_number` of an event.");
}

/** @param after the last event that the connection has got */
function wireOf(known: ResponsesMemo, after: number): GatewayWire {
  const memoOf = ({ memo }: GatewayReply): ResponsesMemo => (memo ? (memo as unknown as ResponsesMemo) : known);
  return {
    encoder: (reply) => new ResponsesEncoder(reply, memoOf(reply), new EventNumbers(after)),
    complete: (message, reply) => completeResponse(message, reply, memoOf(reply)),
    soFar: (reply) => new ResponseSoFar(reply, memoOf(reply)),
    forgotten: ({ id }) => jsonBody({ id: responseIdOf(id), object: "response", deleted: true }),
  };
}

function completeResponse(message: AssistantMessage, reply: GatewayReply, memo: ResponsesMemo): DialectBody {
  const response = new ResponseSoFar(reply, memo);
  response.encode({ type: "chunks", chunks: inDefaultOrder(message) });
  response.encode({ type: "complete", message });
  return response.body();
}

/** A response as it is fetched. */
class ResponseSoFar implements ReplySoFar {
  readonly #reply: GatewayReply;
  readonly #memo: ResponsesMemo;
  #encoder: ResponsesEncoder;

  constructor(reply: GatewayReply, memo: ResponsesMemo) {
    this.#reply = reply;
    this.#memo = memo;
    this.#encoder = new ResponsesEncoder(reply, memo, NO_EVENTS);
  }

  encode(event: ReplyEvent): string {
    this.#encoder.encode(event);
    return "";
  }

  fromStart(): this {
    this.#encoder = new ResponsesEncoder(this.#reply, this.#memo, NO_EVENTS);
    return this;
  }

  body(): DialectBody {
    return jsonBody(this.#encoder.response);
  }
}
