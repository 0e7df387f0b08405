/** The contract as a program of Node, Bun or Deno: over direct connections, and over those that break. */
import { keepContract } from "./contract.mjs";

const [stage] = globalThis.Deno?.args ?? process.argv.slice(2);
console.log(`${await keepContract(stage, "direct")}; ${await keepContract(stage, "breaking")}`);
process.exit(); // a connection that is kept alive would keep the process
