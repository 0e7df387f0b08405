/** The contract of a client, on `relayClient` in this runtime: the relay and its scripted model are on the stage. */
import { contractSuite, Gate } from "cloudllm/testing";
import { relayClient } from "cloudllm/web";
import { passesStreams, told } from "./engine.mjs";

const CASE_MS = 40_000;

/**
 * Runs every case, one after another. Resolves with how many passed and were skipped; rejects with those that failed.
 * `network` is `direct` or `breaking`.
 */
export async function keepContract(stage, network) {
  const cases = contractSuite({
    open: (scripts) => openSubject(stage, network, scripts),
    timeoutMs: CASE_MS,
    cannot: {
      providerCodes: "a relay masks the status and the codes of its provider",
      rawFinishReason: "a relay does not show the provider's own word",
      ...(network === "breaking" && { timeouts: "the waits between connections may be longer than its short limits" }),
      ...(!passesStreams() && { transfer: "no stream of this runtime passes to another thread" }),
    },
  });
  let passed = 0;
  const failures = [];
  for (const { name, skip, run } of cases) {
    if (skip !== undefined) continue;
    try {
      await run();
      passed += 1;
    } catch (error) {
      failures.push(`${name}: ${told(error)}`);
    }
  }
  const skipped = cases.filter(({ skip }) => skip !== undefined).length;
  const { broken } = await asked(`${stage}/breaks`);
  const counts = `${network}: ${passed} passed, ${skipped} skipped${broken === 0 ? "" : `, ${broken} connections broke`}`;
  if (network === "breaking" && broken === 0) throw new Error(`${counts}, and no connection broke`);
  if (failures.length > 0) throw new Error([`${counts}, ${failures.length} failed`, ...failures].join("\n"));
  return counts;
}

async function openSubject(stage, network, scripts) {
  const gates = [];
  const { number, url } = await asked(`${stage}/open/${network}`, encoded(scripts, gates));
  const ask = (path) => asked(`${stage}/${number}/${path}`);
  const order = (path) => asked(`${stage}/${number}/${path}`, "");
  let isOver = false;
  // After the end of a case, its gates matter no more.
  const follow = async (gate, index) => {
    await ask(`reached/${index}`);
    await gate.pass();
    if (!isOver) await order(`pass/${index}`);
  };
  gates.forEach((gate, index) => {
    follow(gate, index).catch(() => undefined);
  });
  return {
    client: relayClient({ url }),
    requests: () => ask("requests"),
    sent: (call) => ask(`sent/${call}`),
    closed: (call) => ask(`closed/${call}`),
    async dispose() {
      isOver = true;
      await order("dispose");
    },
  };
}

async function asked(address, body) {
  const response = await fetch(address, body === undefined ? {} : { method: "POST", body });
  if (!response.ok) throw new Error(`the stage answered ${response.status} at ${address}`);
  return response.json();
}

/** Scripts as JSON: gates by their numbers, and many equal pieces by one of them. */
function encoded(scripts, gates) {
  return JSON.stringify(scripts, (_name, value) => {
    if (value instanceof Gate) {
      if (!gates.includes(value)) gates.push(value);
      return { $gate: gates.indexOf(value) };
    }
    const isRepeated = Array.isArray(value) && value.length > 1 && value.every((each) => each === value[0]);
    return isRepeated && typeof value[0] === "string" ? { $repeat: value[0], times: value.length } : value;
  });
}
