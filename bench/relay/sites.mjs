/** Who takes part in the comparison of relays. Each has a file in `sites/` that serves replies the way its documentation says. */

/**
 * What such a file exports: makes the handler of `POST /` (starts a reply: a body with `run` and `messages`, the id also in the
 * header `x-run-id`) and of `GET /RUN/stream?run=RUN` (shows a running reply from its beginning).
 * @typedef {(provider: string, log: string, place: Place) => Promise<(request: Request) => Promise<Response>>} Open
 * Where the file exports `isListener`, its handler is a listener of `node:http`: `(request, response) => void`.
 * @typedef {{ redis: string, folder: string }} Place where logs are kept: the address of a Redis server, and a folder
 */

/** In the order of the tables. `packages`: the first gives the version. `canAttach`: takes part in the measure with viewers. */
export const SITES = [
  { name: "client", label: "cloudllm's client alone, no relay", log: "", packages: ["cloudllm"] },
  { name: "socket-write", label: "the client, each chunk one write to the socket", log: "", packages: ["cloudllm"] },
  { name: "by-hand-node", label: "the client by hand in `node:http`", log: "", packages: ["cloudllm"] },
  { name: "by-hand", label: "the client by hand in a web handler", log: "", packages: ["cloudllm"] },
  { name: "cloudllm", label: "cloudllm", log: "off", packages: ["cloudllm"], canAttach: true },
  { name: "cloudllm", label: "cloudllm", log: "memory", packages: ["cloudllm"], canAttach: true },
  { name: "cloudllm", label: "cloudllm", log: "sqlite", packages: ["cloudllm"], canAttach: true },
  { name: "cloudllm", label: "cloudllm", log: "redis", packages: ["cloudllm", "ioredis"], canAttach: true },
  { name: "ai-sdk", label: "AI SDK", log: "off", packages: ["ai"] },
  {
    name: "ai-sdk",
    label: "AI SDK + resumable-stream",
    log: "redis",
    packages: ["resumable-stream", "ai"],
    canAttach: true,
  },
  {
    name: "assistant-stream",
    label: "AI SDK + assistant-stream/resumable",
    log: "memory",
    packages: ["assistant-stream", "ai"],
    canAttach: true,
  },
  {
    name: "assistant-stream",
    label: "AI SDK + assistant-stream/resumable",
    log: "redis",
    packages: ["assistant-stream", "ai"],
    canAttach: true,
  },
  { name: "tanstack", label: "TanStack AI", log: "off", packages: ["@tanstack/ai"] },
  { name: "tanstack", label: "TanStack AI, memoryStream", log: "memory", packages: ["@tanstack/ai"] },
  {
    name: "tanstack",
    label: "TanStack AI, memoryStream, batch: 1",
    log: "memory-1",
    packages: ["@tanstack/ai"],
    canAttach: true,
  },
].map((site) => ({ ...site, key: site.log === "" ? site.name : `${site.name}/${site.log}` }));

/** Whom first tokens and CPU are compared with. */
export const ALONE = "client";
