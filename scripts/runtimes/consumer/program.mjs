/** The checks as a program of Node, Bun or Deno. Copied beside an install of the tarball by `test-runtimes.mjs`. */
import { check } from "./checks.mjs";

const [origin] = globalThis.Deno?.args ?? process.argv.slice(2);
const [name, version] = globalThis.Bun
  ? ["Bun", Bun.version]
  : globalThis.Deno
    ? ["Deno", Deno.version.deno]
    : ["Node", process.versions.node];
console.log(`ok ${name} ${version}, ${await check(origin)}`);
