/** A CommonJS caller: `require` of an ES module works as long as no module of the package awaits at its top level. */
const { CompatibleClient, SendError } = require("cloudllm");

const { EmbeddedClient } = require("cloudllm/embedded");

const client = new CompatibleClient({ baseUrl: "http://localhost/v1", model: "test" });
if (new EmbeddedClient().provider !== "embedded") throw new Error("require gave another client");
if (client.model !== "test" || typeof SendError !== "function") throw new Error("require gave something else");
console.log(`ok require ${process.versions.node}`);
