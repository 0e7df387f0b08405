/** 10. Clouds: credentials that run out, and refusals in the words of each cloud. */

import type { Socket } from "node:net";
import { expect } from "vitest";
import { httpChunk, LAST_CHUNK, type RawRequest, response, STREAM_HEAD } from "../../support/raw-server.ts";
import { COUNTS, judged, outcomeOf, PATIENCE, refusalOf, type Scene, saidOf, stream, within } from "../scene.ts";
import type { Cloud } from "../speakers/clouds.ts";
import { framed } from "../speakers/speaker.ts";
import {
  EXPIRED,
  FORBIDDEN,
  IN_STREAM,
  type Refusals,
  THROTTLED,
  UNKNOWN_MODEL,
  WRONG_PLACE,
} from "./cloud-refusals.ts";

/** A row of the table. */
export interface CloudFault {
  readonly id: string;
  readonly title: string;
  /** Why it cannot happen. */
  readonly except?: (cloud: Cloud) => string | undefined;
  run(scene: Scene, cloud: Cloud): Promise<string>;
}

const WHOLE = { text: "ab", counts: COUNTS };

function good(scene: Scene): string {
  const { events } = scene.speaker.speech().text("a", "b").finish("stop", COUNTS);
  return STREAM_HEAD + httpChunk(events.join("")) + LAST_CHUNK;
}

/** Keys with a number, and how many were asked for. */
function numberedKeys(): { readonly next: () => Promise<string>; readonly asked: () => number } {
  let asked = 0;
  return { next: async () => `a-token-of-the-cloud-${++asked}`, asked: () => asked };
}

/** The one credential of a request, which is at the right path. */
function credentialOf({ header, path }: Cloud, request: RawRequest | undefined): string | undefined {
  const head = request?.head ?? "";
  expect(head.split("\r\n")[0]).toBe(`POST ${path} HTTP/1.1`);
  expect(head.match(/^(authorization|api-key|x-api-key|x-goog-api-key):/gim)).toHaveLength(1);
  return new RegExp(`^${header}: (?:Bearer )?(.*)$`, "im").exec(head)?.[1];
}

/** Serves answers in turn, then good ones; returns the outcome and the numbers of the tokens that were sent. */
async function withTokens(
  scene: Scene,
  cloud: Cloud,
  answers: readonly string[],
  options: Parameters<Cloud["changing"]>[2] = {},
): Promise<{ outcome: Awaited<ReturnType<typeof outcomeOf>>; sent: readonly number[] }> {
  /** A reply that was begun breaks when the caller has what came. */
  let begun: Socket | undefined;
  const server = await scene.serve(({ socket }, index) => {
    const answer = answers[index] ?? good(scene);
    begun = answer.startsWith(STREAM_HEAD) && !answer.endsWith(LAST_CHUNK) ? socket : undefined;
    socket.write(answer);
  });
  const own = scene.transport === "fetch" && { fetch: (input: string, init: RequestInit) => fetch(input, init) };
  const keys = numberedKeys();
  const client = cloud.changing(server.origin, keys.next, { retries: 0, ...own, ...options });
  const outcome = await outcomeOf(client, {}, () => begun?.resetAndDestroy());
  const sent = server.requests.map((request) => Number(credentialOf(cloud, request)?.slice(-1)));
  expect(keys.asked()).toBe(sent.length);
  expect(JSON.stringify(outcome.error ?? "") + String(outcome.error)).not.toContain("a-token-of-the-cloud");
  return { outcome, sent };
}

/** Every form of a refusal is of one kind, after one request, with the words of the cloud. */
async function refused(scene: Scene, cloud: Cloud, refusals: Refusals, says: string): Promise<string> {
  const said = new Set<string>();
  for (const answer of refusals[cloud.cloud]) {
    const { client, server } = await scene.stage(({ socket }) => void socket.write(answer), { retries: 2 });
    const error = await refusalOf(client);
    expect(error.message).toContain(says);
    expect(error.retryable).toBe(false);
    expect(server.requests).toHaveLength(1);
    said.add(saidOf({ text: "", error }));
  }
  return [...said].join(", ");
}

export const cloudFaults: readonly CloudFault[] = [
  {
    id: "10.1",
    title: "the token has run out, in every form in which the cloud says so; the next token is valid",
    async run(scene, cloud) {
      for (const answer of EXPIRED[cloud.cloud]) {
        const { outcome, sent } = await withTokens(scene, cloud, [answer]);
        judged(outcome, WHOLE);
        expect(sent).toEqual([1, 2]);
      }
      return "full text, with the next token";
    },
  },
  {
    id: "10.2",
    title: "the next token is refused as well, with retries on",
    async run(scene, cloud) {
      const said = new Set<string>();
      for (const answer of EXPIRED[cloud.cloud]) {
        const { outcome, sent } = await withTokens(scene, cloud, Array<string>(9).fill(answer), { retries: 2 });
        expect(outcome.error?.kind).toBe("authentication");
        expect(sent).toEqual([1, 2]);
        said.add(saidOf(outcome));
      }
      return `${[...said].join(", ")}, 2 requests`;
    },
  },
  {
    id: "10.3",
    title: "the reply breaks, and the token has run out when it is to be continued; `recover` on",
    async run(scene, cloud) {
      const begun = STREAM_HEAD + httpChunk(scene.speaker.speech().text("a").events.join("")).toString();
      for (const answer of EXPIRED[cloud.cloud]) {
        const { outcome, sent } = await withTokens(scene, cloud, [begun, answer, rest(scene)], { recover: "continue" });
        judged(outcome, { text: "ab" });
        expect(sent).toEqual([1, 2, 3]);
      }
      return "full text, with the next token";
    },
  },
  {
    id: "10.4",
    title: "the function of the token fails, returns nothing, or takes longer than the limit",
    async run(scene, cloud) {
      const server = await scene.serve(() => undefined);
      const failing: readonly (() => Promise<string>)[] = [
        async () => Promise.reject(new Error("the secret is hunter2")),
        async () => "",
      ];
      for (const keys of failing) {
        const error = await refusalOf(cloud.changing(server.origin, keys, { retries: 0 }));
        expect(error.kind).toBe("authentication");
        expect(String(error) + JSON.stringify(error)).not.toContain("hunter2");
      }
      const never = cloud.changing(server.origin, () => new Promise(() => undefined), {
        retries: 0,
        timeouts: { headers: 100 },
      });
      expect(await within(PATIENCE, "a timeout", refusalOf(never))).toMatchObject({
        kind: "timeout",
        phase: "headers",
      });
      expect(server.connections()).toBe(0);
      return "`authentication` or `timeout` (headers), nothing sent";
    },
  },
  {
    id: "10.5",
    title: "the account may not use the model, or the resource",
    async run(scene, cloud) {
      const said = new Set<string>();
      for (const [answer, says] of FORBIDDEN[cloud.cloud]) said.add(await refusedOnce(scene, cloud, answer, says));
      return [...said].join(", ");
    },
  },
  {
    id: "10.6",
    title: "there is no such model, deployment or inference profile",
    run: (scene, cloud) => refused(scene, cloud, UNKNOWN_MODEL, "m-1"),
  },
  {
    id: "10.7",
    title: "the model is not at this region, path or kind of address",
    run: (scene, cloud) => refused(scene, cloud, WRONG_PLACE, "m-1"),
  },
  {
    id: "10.8",
    title: "a quota is used up, or the model is busy, once; retries are on",
    async run(scene, cloud) {
      for (const answer of THROTTLED[cloud.cloud]) {
        const { outcome, sent } = await withTokens(scene, cloud, [answer], { retries: 1 });
        judged(outcome, WHOLE);
        expect(sent).toEqual([1, 2]);
      }
      return "waits, then full text; a token for each request";
    },
  },
  {
    id: "10.9",
    title: "the same for ever; retries are off",
    async run(scene, cloud) {
      const said = new Set<string>();
      for (const answer of THROTTLED[cloud.cloud]) {
        const { client } = await scene.stage(({ socket }) => void socket.write(answer));
        const error = await refusalOf(client);
        expect(error.retryable).toBe(true);
        said.add(saidOf({ text: "", error }));
      }
      return [...said].join(", ");
    },
  },
  {
    id: "10.10",
    title: "an error of the cloud is in the middle of a stream, in the cloud's form",
    async run(scene, cloud) {
      const said = new Set<string>();
      for (const data of IN_STREAM[cloud.cloud]) {
        const { events } = scene.speaker.speech().text("a", "b").raw(framed(scene.speaker, data));
        const outcome = await scene.reply(stream(events));
        expect(outcome.error?.retryable).toBe(true);
        expect(outcome.text).toBe("ab");
        said.add(saidOf(outcome));
      }
      return [...said].join("; ");
    },
  },
  {
    id: "10.11",
    title: "the cloud's content filter withholds the prompt",
    except: noFilterOfItsOwn,
    async run(scene, cloud) {
      const { client, server } = await scene.stage(({ socket }) => void socket.write(promptFiltered(cloud)), {
        retries: 2,
      });
      const outcome = await outcomeOf(client);
      expect(server.requests).toHaveLength(1);
      if (cloud.cloud === "Azure") {
        expect(outcome.error?.contentFilter).toEqual([
          { subject: "prompt", category: "violence", filtered: true, severity: "medium" },
        ]);
      }
      return judged(outcome, { fails: "contentFilter" });
    },
  },
  {
    id: "10.12",
    title: "the clock, the secret or the region of a signature is wrong",
    except: ({ cloud, header }) => (cloud === "Bedrock" && header !== "authorization" ? undefined : "signs nothing"),
    async run(scene) {
      const answer = response(403, JSON.stringify({ message: "Signature expired: 20261130T000000Z is now earlier." }), {
        "x-amzn-errortype": "InvalidSignatureException",
      });
      const error = await refusalOf((await scene.stage(({ socket }) => void socket.write(answer))).client);
      expect(error.message).toContain("the clock of this computer");
      return `${saidOf({ text: "", error })}, with advice`;
    },
  },
];

/** The rest of a reply that broke after `a`: the model says what is missing. */
function rest(scene: Scene): string {
  const { events } = scene.speaker.speech().text("b").finish("stop", COUNTS);
  return STREAM_HEAD + httpChunk(events.join("")) + LAST_CHUNK;
}

async function refusedOnce(scene: Scene, cloud: Cloud, answer: string, says: string): Promise<string> {
  const { client } = await scene.stage(({ socket }) => void socket.write(answer), { retries: 2 });
  const error = await refusalOf(client);
  expect(error.message).toContain(says);
  expect(error.provider ?? cloud.provider).toBe(cloud.provider);
  expect(error.retryable).toBe(false);
  return saidOf({ text: "", error });
}

function noFilterOfItsOwn({ cloud, protocol }: Cloud): string | undefined {
  if (cloud === "Azure" && protocol !== "Anthropic Messages") return undefined;
  if (protocol === "Gemini") return undefined;
  return "has no filter of its own";
}

function promptFiltered({ cloud }: Cloud): string {
  if (cloud === "Vertex") {
    const data = JSON.stringify({ promptFeedback: { blockReason: "PROHIBITED_CONTENT" }, modelVersion: "m-2" });
    return STREAM_HEAD + httpChunk(`data: ${data}\r\n\r\n`).toString() + LAST_CHUNK;
  }
  const content_filter_result = {
    hate: { filtered: false, severity: "safe" },
    violence: { filtered: true, severity: "medium" },
  };
  const error = {
    code: "content_filter",
    message: "The prompt triggered the content management policy.",
    innererror: { code: "ResponsibleAIPolicyViolation", content_filter_result },
  };
  return response(400, JSON.stringify({ error }));
}
