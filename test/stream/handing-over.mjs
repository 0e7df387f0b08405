/** A thread that asks, hands the reply over, and has nothing more to do. */

import { parentPort, workerData } from "node:worker_threads";
import { CompatibleClient } from "cloudllm";

const client = new CompatibleClient({ baseUrl: workerData, model: "m", retries: 0 });
const stream = await client.sendMessageStream([{ role: "user", content: "hi" }]);
const chunks = stream.toReadableStream();
parentPort.postMessage(chunks, [chunks]);
