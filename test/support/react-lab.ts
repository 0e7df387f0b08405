/** React 18 and 19 with the hook, in a DOM without a browser. */

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as ReactTypes from "react";
import { rolldown } from "rolldown";
import { vi } from "vitest";
import type { useChat } from "../../src/react/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const packages = join(root, "test", "interop", "node_modules");
const folder = join(root, "node_modules", ".cache", "cloudllm");

/** Whether the packages are there: `npm ci --prefix test/interop`. */
export const hasReact: boolean = ["react", "react-dom", "react18", "react-dom18", "happy-dom"].every((name) =>
  existsSync(join(packages, name)),
);

/** A root of React. */
export interface ReactRoot {
  render(element: ReactTypes.ReactNode): void;
  unmount(): void;
}

/** One version of React, and the hook that uses it. */
export interface ReactLab {
  readonly React: typeof ReactTypes;
  readonly act: (work: () => unknown) => Promise<void>;
  readonly createRoot: (element: unknown) => ReactRoot;
  readonly hydrateRoot: (
    element: unknown,
    node: ReactTypes.ReactNode,
    options: { readonly onRecoverableError: (error: unknown) => void },
  ) => ReactRoot;
  readonly renderToString: (node: ReactTypes.ReactNode) => string;
  readonly useChat: typeof useChat;
}

const PROGRAM = `
  export * as React from "react";
  export { createRoot, hydrateRoot } from "react-dom/client";
  export { renderToString } from "react-dom/server";
  export { useChat } from "hook";
`;

/** Resolves with a version of React. Its document, and the program's, is `globalThis.document`. */
export async function reactLab(version: 18 | 19): Promise<ReactLab> {
  await setUpDocument();
  const suffix = version === 18 ? "18" : "";
  const build = await rolldown({
    input: "program",
    platform: "browser",
    resolve: {
      alias: {
        react: join(packages, `react${suffix}`),
        "react-dom": join(packages, `react-dom${suffix}`),
        hook: join(root, "src", "react", "index.ts"),
      },
    },
    transform: { define: { "process.env.NODE_ENV": '"development"' } },
    checks: { moduleLevelDirective: false },
    plugins: [
      {
        name: "program",
        resolveId: (id) => (id === "program" ? id : undefined),
        load: (id) => (id === "program" ? PROGRAM : undefined),
      },
    ],
  });
  const { output } = await build.generate({ format: "esm" });
  await build.close();
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `react-${version}-${process.pid}.mjs`);
  writeFileSync(file, output[0].code);
  const lab = (await import(pathToFileURL(file).href)) as Omit<ReactLab, "act">;
  rmSync(file);
  const act = (lab.React as unknown as { readonly act: (work: () => Promise<unknown>) => Promise<void> }).act;
  const surroundings = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
  return {
    ...lab,
    async act(work) {
      surroundings.IS_REACT_ACT_ENVIRONMENT = true;
      await act(async () => work());
      surroundings.IS_REACT_ACT_ENVIRONMENT = false; // changes outside of it are React's own affair
    },
  };
}

/** A document until `vi.unstubAllGlobals()`. It draws no frames: timers make them. */
async function setUpDocument(): Promise<void> {
  if ("document" in globalThis) return;
  const { Window } = (await import(pathToFileURL(join(packages, "happy-dom", "lib", "index.js")).href)) as {
    readonly Window: new () => Window;
  };
  const window = new Window();
  const { document, navigator } = window;
  for (const [name, value] of Object.entries({ window, document, navigator })) vi.stubGlobal(name, value);
}
