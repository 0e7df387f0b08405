/** How a reply may end early, where a gateway may be, and who speaks: alike for every library of OpenAI and Anthropic. */

import { Gate, type ReplyScript } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { chunksClient, text } from "../support/chunks-client.ts";
import { gatewaySite, KEY, type TestGateway, testGateway } from "../support/gateway.ts";
import { gatewayApis, type Seen, textIn } from "./apis.ts";

const METHODS = ["raw", "helper", "whole"];

describe.each(gatewayApis())("$name", ({ name, libraries, params, withSystem }) => {
  describe.each(libraries)("$id", ({ call, missing }) => {
    describe.skipIf(missing)(missing ?? "installed", () => {
      async function outcome(gateway: TestGateway, method: string, more: object = {}): Promise<Seen> {
        await using site = await gatewaySite(gateway);
        return await call(method, { origin: site.origin, key: KEY, params, ...more });
      }

      test.each(
        METHODS.flatMap((method) =>
          (["stopped", "interrupted", "unknown"] as const).map((end) => [method, end] as const),
        ),
      )("a reply that has no reason for its end is not a complete one (%s, %s)", async (method, finishReason) => {
        const client = chunksClient([[text("Half")]], { finishReason });
        const seen = await outcome(testGateway([], { client }), method);
        if (name !== "Responses") {
          expect(seen.error).toMatchObject({ message: expect.stringMatching(/complete|known reason/) });
          return;
        }
        // Responses has words for such ends.
        const { status, reason } = seen.response ? (seen.response as Seen) : seen;
        const said = finishReason === "stopped" ? "cancelled" : "incomplete";
        expect([seen.error, status]).toEqual([undefined, said]);
        if (!seen.response) expect(reason).toBe(finishReason === "stopped" ? "cancelled" : finishReason);
      });

      test.each(METHODS)("a gateway that ends in the middle of a reply is an error (%s)", async (method) => {
        const gate = new Gate();
        const gateway = testGateway([{ steps: [{ text: "Half" }, { pause: gate }, { text: " and half" }] }]);
        await using site = await gatewaySite(gateway);
        const reading = call(method, { origin: site.origin, key: KEY, params });
        await gate.reached;
        await gateway.drain(0);
        const seen = await reading;
        expect(seen.error).toMatchObject({ name: expect.any(String), message: expect.any(String) });
        if (method === "raw") expect(seen.text).toBe("Half");
      });

      test.each([
        [401, "its key"],
        [404, "its model"],
      ])("a provider that refuses the gateway (%i, %s) is no fault of the program's key, and final", async (status) => {
        const gateway = testGateway((): ReplyScript => ({ refusal: { status, message: "sk-secret at host.example" } }));
        const { error } = await outcome(gateway, "whole", { maxRetries: 2 });
        expect(error).toMatchObject({ name: expect.stringMatching(/^API(Status)?Error$/), status: 424 });
        expect(JSON.stringify(error)).not.toMatch(/secret|host\.example/);
        expect(gateway.model.calls).toHaveLength(1);
      });

      test.each(["", "/v1", "/team/v1"])("the address may end with %j, as people paste it", async (path) => {
        const seen = await outcome(testGateway([{ text: "Hello" }]), "helper", { path });
        expect([seen.error, textIn(seen)]).toEqual([undefined, "Hello"]);
      });

      test("the words of the system and of the developer reach the model, in their order", async () => {
        const gateway = testGateway([{ text: "Hello" }]);
        const seen = await outcome(gateway, "whole", { params: withSystem });
        expect([seen.error, textIn(seen)]).toEqual([undefined, "Hello"]);
        const turns = gateway.model.calls[0]?.messages ?? [];
        expect(turns.map(({ role, content }) => `${role}: ${JSON.stringify(content)}`).join("\n")).toMatch(
          /^system: .*Be brief\.[\s\S]*Be kind\.[\s\S]*\nuser: /,
        );
      });
    });
  });
});
