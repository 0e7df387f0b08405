import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** The files that take longest, longest first. */
const LONG = [
  "faults/relay.test.ts",
  "faults/client.test.ts",
  "otel/faults.test.ts",
  "store/kill.test.ts",
  "store/rivals.test.ts",
  "contract/clients.test.ts",
  "contract/clients-fetch.test.ts",
  "server/turn-processes.test.ts",
  "web/cut.test.ts",
  "web/breaking.test.ts",
  "transport/retries.test.ts",
  "web/contract.test.ts",
  "clients/key-spellings.test.ts",
];

/**
 * Files that run one after the other in the same process, with the same modules: to load these anew takes longer than
 * most of the files. Each leaves globals, environment and clocks as it found them.
 */
const SHARING = [
  "clients/**/!(protocol-loading)", // that one looks at what a client loads
  ...["credentials", "dialects", "embedded", "models", "otel", "protocols", "reliability"].map(
    (name) => `${name}/**/*`,
  ),
  ...["schema", "session", "stream", "transport", "web"].map((name) => `${name}/**/*`),
].map((files) => `test/${files}.test.ts`);

/** Begins with the long files, which a machine without earlier results takes for short: none is left for the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const place = ({ moduleId, project }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(`/test/${name}`));
      // A process is shared only by files that follow each other.
      return at < 0 ? LONG.length + (project.config.isolate ? 0 : 1) : at;
    };
    return sorted.toSorted((one, other) => place(one) - place(other));
  }
}

const config: ViteUserConfig = defineConfig({
  resolve: {
    // Tests run against the sources, also where they import by the public names. Exact matches: "cloudllm" alone
    // would otherwise catch "cloudllm/testing" as a prefix.
    alias: [
      { find: /^#runtime$/, replacement: path("./src/runtime/node.ts") },
      { find: /^cloudllm$/, replacement: path("./src/index.ts") },
      { find: /^cloudllm\/credentials$/, replacement: path("./src/credentials/index.ts") },
      { find: /^cloudllm\/embedded$/, replacement: path("./src/embedded/index.ts") },
      { find: /^cloudllm\/models$/, replacement: path("./src/models/index.ts") },
      { find: /^cloudllm\/otel$/, replacement: path("./src/otel/index.ts") },
      { find: /^cloudllm\/protocols$/, replacement: path("./src/protocols/index.ts") },
      { find: /^cloudllm\/server$/, replacement: path("./src/server/index.ts") },
      { find: /^cloudllm\/store\/file$/, replacement: path("./src/store/file/index.ts") },
      { find: /^cloudllm\/store\/postgres$/, replacement: path("./src/store/postgres/index.ts") },
      { find: /^cloudllm\/store\/redis$/, replacement: path("./src/store/redis/index.ts") },
      { find: /^cloudllm\/store\/sqlite$/, replacement: path("./src/store/sqlite/index.ts") },
      { find: /^cloudllm\/testing$/, replacement: path("./src/testing/index.ts") },
      { find: /^cloudllm\/web$/, replacement: path("./src/web/index.ts") },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        test: { name: "own process", include: ["test/**/*.test.ts"], exclude: [...SHARING, "**/node_modules/**"] },
      },
      {
        extends: true,
        test: {
          name: "shared process",
          include: SHARING,
          isolate: false,
          setupFiles: ["test/support/own-clocks.ts", "test/support/lazy-parts.ts"],
        },
      },
    ],
    // For what hangs: on a busy machine a test may take long.
    testTimeout: 60_000,
    // Tests wait for sockets, timers and other processes for a third of their time: three files keep two cores busy.
    maxWorkers: Math.max(3, availableParallelism()),
    sequence: { sequencer: LongestFirst },
    // Of the tests that say they are concurrent: those of faults mostly wait.
    maxConcurrency: 16,
    hookTimeout: 60_000,
    // An event that is waited for comes late on a busy machine: only a test that fails takes so long.
    expect: { poll: { timeout: 10_000 } },
    setupFiles: ["test/support/patience.ts"],
    // An unhandled rejection fails the run: the library promises there is none.
    dangerouslyIgnoreUnhandledErrors: false,
    coverage: { provider: "v8", include: ["src/**"] },
  },
});
export default config;
