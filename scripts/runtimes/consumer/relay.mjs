/** A relay before the server of `test-runtimes.mjs`, as a handler of web standards: the same on every runtime. */
import { CompatibleClient } from "cloudllm";
import { createRelay } from "cloudllm/server";

/** Returns the handler. A request chooses the plan of the server as its model. */
export function relayOf(origin, options) {
  const clientOf = (plan) => new CompatibleClient({ baseUrl: `${origin}/${plan}/v1`, model: "test", retries: 0 });
  const models = { whole: clientOf("whole"), cut: clientOf("cut"), endless: clientOf("endless") };
  const rules = { authorize: "public", allow: ["model"], linger: "stop" };
  return createRelay({ client: models.whole, models, ...rules, ...options }).handle;
}
