/** What Gemini demands of a conversation. */

import { type Loose, listOf, looseOf, type Seals } from "./demands.ts";
import { rootFault } from "./tool-demands.ts";

/** Of these, a part has one. */
const MEMBERS = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];

/**
 * Why Google would refuse the request; `undefined` when it would not.
 * @see https://ai.google.dev/gemini-api/docs/thought-signatures
 */
export function geminiFault(body: unknown, seals: Seals): string | undefined {
  const { tools } = looseOf(body);
  for (const { name, parametersJsonSchema } of listOf(tools).flatMap((tool) => listOf(tool.functionDeclarations))) {
    const fault = parametersJsonSchema === undefined ? undefined : rootFault(parametersJsonSchema, []);
    if (fault !== undefined) return `${name} functionDeclaration parameters ${fault}`;
  }
  const contents = listOf(looseOf(body).contents);
  if (contents.length === 0) return "* GenerateContentRequest.contents: contents is not specified";
  if (contents[0]?.role === "model") return "Please ensure that the conversation begins with a user turn.";
  // Signatures before the last question may be left out.
  const asked = contents.findLastIndex(
    ({ role, parts }) => role === "user" && listOf(parts).some((part) => !part.functionResponse),
  );
  for (const [at, content] of contents.entries()) {
    const fault =
      contentFault(content, contents[at - 1], contents[at + 1]) ??
      (at > asked ? unsignedFault(content, seals) : undefined);
    if (fault !== undefined) return `* GenerateContentRequest.contents[${at}]: ${fault}`;
  }
  return undefined;
}

/** What a call is known by: it need not have an id. */
export function callMark({ name, args = {} }: Loose): string {
  return JSON.stringify([name, args]);
}

function contentFault({ role, parts }: Loose, before: Loose | undefined, after: Loose | undefined): string | undefined {
  if (role !== "user" && role !== "model") return "Please use a valid role: user, model.";
  const given = listOf(parts);
  if (given.length === 0) return "contents.parts must not be empty.";
  const fault = given.map(partFault).find((found) => found !== undefined);
  if (fault !== undefined) return fault;
  const calls = membersOf(given, "functionCall");
  const answers = membersOf(listOf(after?.parts), "functionResponse").map(({ name }) => name);
  const isAnswered = calls.length === answers.length && calls.every(({ name }, at) => answers[at] === name);
  if (calls.length > 0 && !isAnswered)
    return "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.";
  const asked = membersOf(listOf(before?.parts), "functionCall");
  if (membersOf(given, "functionResponse").length > 0 && asked.length === 0)
    return "Please ensure that function response turn comes immediately after a function call turn.";
  return undefined;
}

function unsignedFault({ parts }: Loose, seals: Seals): string | undefined {
  const unsigned = listOf(parts).some(({ functionCall, thoughtSignature }) => {
    const seal = functionCall === undefined ? undefined : seals.get(callMark(looseOf(functionCall)));
    return seal !== undefined && thoughtSignature !== seal;
  });
  return unsigned ? "Function call is missing a thought_signature in functionCall parts." : undefined;
}

function partFault(part: Loose): string | undefined {
  const members = MEMBERS.filter((name) => part[name] !== undefined);
  if (members.length !== 1) return "parts.data: required oneof field 'data' must have one initialized field";
  if (part.text === "" && part.thoughtSignature === undefined)
    return "Unable to submit request because it has an empty text parameter.";
  const { functionResponse, functionCall } = part;
  const { response } = looseOf(functionResponse);
  if (functionResponse && (typeof response !== "object" || response === null || Array.isArray(response)))
    return "function_response.response: a Struct is needed.";
  const called = [functionCall, functionResponse].find((value) => value !== undefined);
  return called !== undefined && typeof looseOf(called).name !== "string" ? "Name cannot be empty." : undefined;
}

function membersOf(parts: readonly Loose[], name: string): readonly Loose[] {
  return parts.flatMap((part) => (part[name] === undefined ? [] : [looseOf(part[name])]));
}
