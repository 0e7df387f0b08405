/** Sends the replies of the loopback server: a recording as it is, or a script in the client's wire format. */

import type { Pause } from "../pause.ts";
import type { AcceptedScript, ReplyScript, ScriptedRefusal } from "../script.ts";
import { type EndingEvent, eventsOf, type FinishEvent } from "../script-events.ts";
import type { Delivery } from "./delivery.ts";
import { contentTypeOf, type Pace, packetsOf, type Recording } from "./recording.ts";
import type { ContentEvent, Wire, WireReply, WireRequest } from "./wire.ts";

/** One answer of a loopback server. */
export type ServerReply = ReplyScript | Recording;

/** Sends a recording. */
export async function sendRecording(recording: Recording, delivery: Delivery): Promise<void> {
  const { status = 200, headers, framing = "chunked", cuts, pace = cuts === undefined ? 0 : "tick" } = recording;
  await delivery.pause(recording.opensAfter);
  if (recording.raw) delivery.raw();
  else {
    delivery.head(status, {
      "content-type": contentTypeOf(recording),
      ...(framing === "length" && { "content-length": String(Buffer.from(asBytes(recording)).length) }),
      ...(framing === "close" && { connection: "close" }),
      ...headers,
    });
  }
  let packets = 0;
  for (const packet of packetsOf(recording)) {
    if (packets > 0) await between(pace, packets, delivery);
    if (!delivery.open) return;
    await delivery.send(packet);
    packets += 1;
  }
  switch (recording.ending ?? "end") {
    case "end":
      return delivery.end();
    case "disconnect":
      return delivery.disconnect();
    case "reset":
      return delivery.reset();
    case "hang":
      return delivery.hang();
  }
}

function between(pace: Pace, packet: number, delivery: Delivery): Promise<void> {
  if (pace === "tick") return delivery.tick();
  const pause: Pause =
    typeof pace === "function" ? pace(packet) : typeof pace === "number" ? pace : (pace[packet - 1] ?? 0);
  return pause === 0 ? Promise.resolve() : delivery.pause(pause);
}

function asBytes({ body }: Recording): string | Uint8Array {
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  throw new TypeError("A recording in packets has no length; use another framing.");
}

/** Plays a script. Waits `paceMs` before each piece except the first. */
export async function sendScript(
  script: ReplyScript,
  wire: Wire,
  request: WireRequest,
  delivery: Delivery,
  paceMs: number,
): Promise<void> {
  await delivery.pause(script.opensAfter);
  if ("refusal" in script) return sendRefusal(script.refusal, wire, delivery);
  const reply = wire.reply(request, script.ending ?? {});
  return reply.streamed
    ? sendStreamed(script, reply, delivery, paceMs)
    : sendNonStreamed(script, reply, delivery, paceMs);
}

async function sendRefusal(
  { status, headers, ...error }: ScriptedRefusal,
  wire: Wire,
  delivery: Delivery,
): Promise<void> {
  delivery.head(status, { "content-type": "application/json", ...headers });
  await delivery.send(JSON.stringify(wire.refusal(status, error)));
  delivery.end();
}

async function sendStreamed(
  script: AcceptedScript,
  reply: WireReply,
  delivery: Delivery,
  paceMs: number,
): Promise<void> {
  delivery.head(200, { "content-type": reply.contentType });
  await delivery.send(reply.begin());
  let pieces = 0;
  for (const event of eventsOf(script)) {
    if (!delivery.open) return;
    switch (event.type) {
      case "pause":
        await delivery.pause(event.pause);
        break;
      case "finish":
        await delivery.send(reply.write(event));
        return delivery.end();
      case "error":
        await delivery.send(reply.writeError(event));
        return delivery.end();
      case "cut":
        return delivery.end();
      case "reset":
        return delivery.reset();
      case "hang":
        return delivery.hang();
      default:
        if (paceMs > 0 && pieces++ > 0) await delivery.pause(paceMs);
        await delivery.send(reply.write(event));
    }
  }
}

/** Sends a non-streamed reply after a silence as long as the streamed reply takes. */
async function sendNonStreamed(
  script: AcceptedScript,
  reply: WireReply,
  delivery: Delivery,
  paceMs: number,
): Promise<void> {
  const events: ContentEvent[] = [];
  for (const event of eventsOf(script)) {
    switch (event.type) {
      case "pause":
        await delivery.pause(event.pause);
        break;
      case "finish":
      case "error":
      case "cut":
      case "reset":
      case "hang":
        return sendDocument(events, event, reply, delivery);
      default:
        if (paceMs > 0 && events.length > 0) await delivery.pause(paceMs);
        events.push(event);
    }
  }
}

async function sendDocument(
  events: readonly ContentEvent[],
  ending: EndingEvent,
  reply: WireReply,
  delivery: Delivery,
): Promise<void> {
  if (ending.type === "hang") return delivery.hang();
  const finish: FinishEvent = ending.type === "finish" ? ending : { type: "finish", finishReason: "stop" };
  const document = ending.type === "error" ? reply.completeError(ending) : reply.complete(events, finish);
  const text = JSON.stringify(document);
  const broken = ending.type === "cut" || ending.type === "reset";
  delivery.head(200, { "content-type": reply.contentType });
  await delivery.send(broken ? text.slice(0, text.length / 2) : text);
  if (ending.type === "reset") return delivery.reset();
  delivery.end();
}
