/** The rules of Gemini for a conversation. */

import type { JsonObject } from "../../platform/json-object.ts";
import { strayField, unreadableFault } from "./common-rules.ts";
import { listOf, objectOr, type Signatures } from "./rules.ts";
import { rootFault } from "./tool-rules.ts";

/** Fields of which a part has exactly one. */
const MEMBERS = [
  "text",
  "inlineData",
  "fileData",
  "functionCall",
  "functionResponse",
  "executableCode",
  "codeExecutionResult",
  "toolCall",
  "toolResponse",
];

/** Fields of which a part has any number. */
const MARKS = ["thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"];

/** The value that replaces a missing signature. */
const NO_SIGNATURE = "skip_thought_signature_validator";

/** @see https://ai.google.dev/api/caching#FunctionDeclaration */
const NAME = /^[A-Za-z_][\w.:-]{0,63}$/;

/** The values that a server has signed, by signature. */
type Written = ReadonlyMap<string, unknown>;

/**
 * Returns the refusal of Google; `undefined` for a valid request.
 * @param signatures of the thinking that this server has written before calls
 * @param written the values that it has signed, in scripts and in recordings
 * @see https://ai.google.dev/gemini-api/docs/thought-signatures
 */
export function geminiFault(body: unknown, signatures: Signatures, written: Written): string | undefined {
  const unreadable = unreadableFault(body) ?? toolsFault(body);
  if (unreadable !== undefined) return unreadable;
  const contents = listOf(objectOr(body).contents);
  if (contents.length === 0) return "* GenerateContentRequest.contents: contents is not specified";
  if (contents[0]?.role === "model") return "Please ensure that the conversation begins with a user turn.";
  // Signatures before the last question may be left out.
  const asked = contents.findLastIndex(
    ({ role, parts }) => role === "user" && listOf(parts).some((part) => !part.functionResponse),
  );
  for (const [at, content] of contents.entries()) {
    const fault =
      contentFault(content, contents[at - 1], contents[at + 1]) ??
      signatureFault(content, written) ??
      (at > asked ? unsignedFault(content, signatures) : undefined);
    if (fault !== undefined) return `* GenerateContentRequest.contents[${at}]: ${fault}`;
  }
  return undefined;
}

function toolsFault(body: unknown): string | undefined {
  const declared = listOf(objectOr(body).tools).flatMap((tool) => listOf(tool.functionDeclarations));
  for (const [at, { name, parametersJsonSchema }] of declared.entries()) {
    if (!NAME.test(String(name)))
      return `* GenerateContentRequest.tools[0].function_declarations[${at}].name: Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.`;
    const fault = parametersJsonSchema === undefined ? undefined : rootFault(parametersJsonSchema, []);
    if (fault !== undefined) return `${name} functionDeclaration parameters ${fault}`;
  }
  return undefined;
}

/** Returns why a signature is refused: one of another account or another address is invalid. */
function signatureFault({ parts }: JsonObject, written: Written): string | undefined {
  const isForeign = listOf(parts).some(
    ({ thoughtSignature }) =>
      thoughtSignature !== undefined && thoughtSignature !== NO_SIGNATURE && !written.has(String(thoughtSignature)),
  );
  return isForeign ? "Thought signature is not valid." : undefined;
}

/** Returns the mark that identifies a call, which need not have an id. */
export function callMark({ name, args = {} }: JsonObject): string {
  return JSON.stringify([name, args]);
}

/** Returns the mark of a call with its signature. */
export function signedMark(call: JsonObject, signature: unknown): string {
  return JSON.stringify([callMark(call), signature]);
}

function contentFault(
  { role, parts }: JsonObject,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
): string | undefined {
  if (role !== "user" && role !== "model") return "Please use a valid role: user, model.";
  const given = listOf(parts);
  if (given.length === 0) return "contents.parts must not be empty.";
  const fault = given.map(partFault).find((found) => found !== undefined);
  if (fault !== undefined) return fault;
  // The turn of a function that Google ran itself also has its result.
  const ran = membersOf(given, "functionResponse").length;
  const calls = role === "model" ? membersOf(given, "functionCall").slice(ran) : [];
  const answers = membersOf(listOf(after?.parts), "functionResponse").map(({ name }) => name);
  const isAnswered = calls.length === answers.length && calls.every(({ name }, at) => answers[at] === name);
  if (calls.length > 0 && !isAnswered)
    return "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.";
  const asked = membersOf(listOf(before?.parts), "functionCall");
  if (role === "user" && ran > 0 && asked.length === 0)
    return "Please ensure that function response turn comes immediately after a function call turn.";
  return undefined;
}

/** Only the first of parallel calls is signed. Calls of several turns may be equal. */
function unsignedFault({ parts }: JsonObject, signatures: Signatures): string | undefined {
  const first = listOf(parts).find(({ functionCall }) => functionCall !== undefined);
  if (!first) return undefined;
  const call = objectOr(first.functionCall);
  const isSigned = signatures.has(signedMark(call, first.thoughtSignature));
  return signatures.has(callMark(call)) && !isSigned
    ? "Function call is missing a thought_signature in functionCall parts."
    : undefined;
}

function partFault(part: JsonObject): string | undefined {
  const stray =
    strayField(part, [...MEMBERS, ...MARKS]) ?? strayField(objectOr(part.functionCall), ["id", "name", "args"]);
  if (stray !== undefined) return `Invalid JSON payload received. Unknown name "${stray}": Cannot find field.`;
  const members = MEMBERS.filter((name) => part[name] !== undefined);
  if (members.length !== 1) return "parts.data: required oneof field 'data' must have one initialized field";
  if (part.text === "" && part.thoughtSignature === undefined)
    return "Unable to submit request because it has an empty text parameter.";
  const { functionResponse, functionCall } = part;
  const { response } = objectOr(functionResponse);
  if (functionResponse && (typeof response !== "object" || response === null || Array.isArray(response)))
    return "function_response.response: a Struct is needed.";
  const called = [functionCall, functionResponse].find((value) => value !== undefined);
  return called !== undefined && !NAME.test(String(objectOr(called).name)) ? "Invalid function name." : undefined;
}

function membersOf(parts: readonly JsonObject[], name: string): readonly JsonObject[] {
  return parts.flatMap((part) => (part[name] === undefined ? [] : [objectOr(part[name])]));
}
