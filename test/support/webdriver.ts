/**
 * Firefox and WebKit for tests, by the commands of WebDriver (https://www.w3.org/TR/webdriver2): WebKit takes them over
 * HTTP from its driver, Firefox over a socket of its own (Marionette).
 */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, connect as open, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as elapse } from "node:timers/promises";
import { browserPath, displayPath, startDisplay, writeFirefoxProfile } from "../../scripts/runtimes/browsers.mjs";

export type EngineName = "firefox" | "webkit";

const WEBKIT_DRIVER = "/usr/bin/WebKitWebDriver";
const START_TIMEOUT_MS = 30_000;
const WAIT_TIMEOUT_MS = 15_000;

/** The commands that are used, by Marionette's name. */
type Command =
  | "NewSession"
  | "DeleteSession"
  | "Navigate"
  | "Refresh"
  | "ExecuteScript"
  | "PerformActions"
  | "NewWindow"
  | "GetWindowHandle"
  | "SwitchToWindow"
  | "SetWindowRect";

/** The method and the path of each command over HTTP. */
const ROUTES: Readonly<Record<Command, readonly [method: string, path: string]>> = {
  NewSession: ["POST", ""],
  DeleteSession: ["DELETE", ""],
  Navigate: ["POST", "/url"],
  Refresh: ["POST", "/refresh"],
  ExecuteScript: ["POST", "/execute/sync"],
  PerformActions: ["POST", "/actions"],
  NewWindow: ["POST", "/window/new"],
  GetWindowHandle: ["GET", "/window"],
  SwitchToWindow: ["POST", "/window"],
  SetWindowRect: ["POST", "/window/rect"],
};

/** Sends commands to a browser. */
interface Line {
  send(command: Command, body: object): Promise<unknown>;
  close(): Promise<void>;
}

/** Keys without a character: https://www.w3.org/TR/webdriver2/#keyboard-actions */
export const KEYS: Readonly<Record<"Enter" | "Escape" | "Shift" | "Tab", string>> = {
  Enter: "\uE007",
  Escape: "\uE00C",
  Shift: "\uE008",
  Tab: "\uE004",
};

/** Why an engine cannot be used; `undefined` when it can. */
export function noEngine(name: EngineName): string | undefined {
  if (browserPath(name) === undefined) return `${name} is not installed`;
  if (name === "firefox") return undefined;
  if (!existsSync(WEBKIT_DRIVER)) return `${WEBKIT_DRIVER} is not installed`;
  return displayPath() === undefined ? "Xvfb is not installed" : undefined;
}

/** A browser with one page at a time, in dark colours. */
export class Engine implements AsyncDisposable {
  readonly name: EngineName;
  readonly #line: Line;

  constructor(name: EngineName, line: Line) {
    this.name = name;
    this.#line = line;
  }

  /** Shows an address, and notes from then on what goes wrong in its page. */
  async show(url: string): Promise<void> {
    await this.#line.send("Navigate", { url });
    await this.#watch();
  }

  async reload(): Promise<void> {
    await this.#line.send("Refresh", {});
    await this.#watch();
  }

  /** Resolves with the result of a function, which runs in the page with these arguments. */
  async run<Result, Arguments extends readonly unknown[]>(
    work: (...given: Arguments) => Result,
    ...given: Arguments
  ): Promise<Awaited<Result>> {
    const script = `return (${work}).apply(null, arguments)`;
    return (await this.#line.send("ExecuteScript", { script, args: given })) as Awaited<Result>;
  }

  /** Resolves when a function returns something in the page that is not false. */
  async until<Arguments extends readonly unknown[]>(
    isThere: (...given: Arguments) => boolean,
    ...given: Arguments
  ): Promise<void> {
    const end = performance.now() + WAIT_TIMEOUT_MS;
    while (!(await this.run(isThere, ...given))) {
      if (performance.now() > end) {
        const shown = await this.run(() => document.body.innerText);
        throw new Error(`In ${this.name} this did not come true: ${isThere} ${JSON.stringify(given)}\n${shown}`);
      }
      await elapse(20);
    }
  }

  /** Resolves when an element that fits the selector has the text. */
  shows(selector: string, text = ""): Promise<void> {
    return this.until(
      (wanted: string, part: string) =>
        [...document.querySelectorAll<HTMLElement>(wanted)].some((each) => each.innerText.includes(part)),
      selector,
      text,
    );
  }

  /** Presses keys one after the other: characters, or those of `KEYS`. */
  async press(...keys: readonly string[]): Promise<void> {
    const actions = keys.flatMap((value) => [
      { type: "keyDown", value },
      { type: "keyUp", value },
    ]);
    await this.#line.send("PerformActions", { actions: [{ type: "key", id: "keyboard", actions }] });
  }

  /** Presses a key while another one is held. */
  async pressWith(held: string, value: string): Promise<void> {
    const [down, up] = ["keyDown", "keyUp"];
    const actions = [
      { type: down, value: held },
      { type: down, value },
      { type: up, value },
      { type: up, value: held },
    ];
    await this.#line.send("PerformActions", { actions: [{ type: "key", id: "keyboard", actions }] });
  }

  /** Clicks the middle of the first element that fits. */
  async click(selector: string): Promise<void> {
    const [x, y] = await this.run((wanted: string) => {
      const element = document.querySelector(wanted);
      element?.scrollIntoView({ block: "nearest" });
      const { left, top, width, height } = element?.getBoundingClientRect() ?? new DOMRect(-1, -1);
      return [Math.round(left + width / 2), Math.round(top + height / 2)];
    }, selector);
    const actions = [
      { type: "pointerMove", duration: 0, x, y, origin: "viewport" },
      { type: "pointerDown", button: 0 },
      { type: "pointerUp", button: 0 },
    ];
    const pointer = { type: "pointer", id: "mouse", parameters: { pointerType: "mouse" }, actions };
    await this.#line.send("PerformActions", { actions: [pointer] });
  }

  /** Opens a tab, which is the page from then on. Resolves with a function that goes back to the tab before. */
  async openTab(url: string): Promise<() => Promise<void>> {
    const before = await this.#line.send("GetWindowHandle", {});
    const { handle } = (await this.#line.send("NewWindow", { type: this.name === "webkit" ? "window" : "tab" })) as {
      readonly handle: string;
    };
    await this.#line.send("SwitchToWindow", { handle });
    await this.show(url);
    return async () => void (await this.#line.send("SwitchToWindow", { handle: before }));
  }

  async resize(width: number, height: number): Promise<void> {
    await this.#line.send("SetWindowRect", { width, height });
  }

  /** Resolves with what has gone wrong in the page since it was shown, and forgets it. */
  faults(): Promise<readonly string[]> {
    return this.run(() => (window as { faults?: string[] }).faults?.splice(0) ?? ["the page is not watched"]);
  }

  async #watch(): Promise<void> {
    await this.run(() => {
      const faults: string[] = [];
      (window as { faults?: string[] }).faults = faults;
      addEventListener("error", ({ message }) => faults.push(message));
      addEventListener("unhandledrejection", ({ reason }) => faults.push(String(reason)));
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
        faults.push(`${effectiveDirective}: ${blockedURI}`),
      );
      for (const level of ["error", "warn"] as const) console[level] = (...words) => faults.push(words.join(" "));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#line.close();
  }
}

/** Starts a browser. */
export async function startEngine(name: EngineName): Promise<Engine> {
  return new Engine(name, name === "firefox" ? await firefoxLine() : await webkitLine());
}

async function firefoxLine(): Promise<Line> {
  const profile = mkdtempSync(join(tmpdir(), "cloudllm-firefox-"));
  writeFirefoxProfile(profile, { "layout.css.prefers-color-scheme.content-override": 0 });
  const program = browserPath("firefox") ?? "firefox";
  const browser = spawnKept(program, ["--headless", "--no-remote", "--marionette", "--profile", profile], {});
  const close = async () => {
    await browser.end();
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  try {
    const port = await eventually(
      () => Number(readFileSync(join(profile, "MarionetteActivePort"), "utf8")) || undefined,
    );
    const marionette = new Marionette(open(port, "127.0.0.1"));
    await marionette.send("NewSession", { capabilities: { alwaysMatch: {} } });
    return { send: (command, body) => marionette.send(command, body), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Messages are `LENGTH:[type, id, error or command, answer or parameters]`. */
class Marionette {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #received = Buffer.alloc(0);
  #lastId = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => this.#read(bytes));
    const broken = (error?: Error) => {
      for (const { reject } of this.#waiting.values()) reject(error ?? new Error("Firefox has ended."));
    };
    socket.on("error", broken);
    socket.on("close", () => broken());
  }

  send(command: Command, body: object): Promise<unknown> {
    const id = ++this.#lastId;
    const text = JSON.stringify([0, id, `WebDriver:${command}`, body]);
    this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #read(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const at = this.#received.indexOf(":");
      const end = at + 1 + Number(this.#received.subarray(0, Math.max(0, at)).toString());
      if (at < 0 || this.#received.length < end) return;
      const message: unknown = JSON.parse(this.#received.subarray(at + 1, end).toString());
      this.#received = this.#received.subarray(end);
      if (!Array.isArray(message)) continue; // the greeting
      const [, id, error, value] = message as [1, number, { message: string } | null, unknown];
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(error.message));
      else waiting?.resolve(unwrapped(value));
    }
  }
}

/** Some answers are the value of one field. */
function unwrapped(answer: unknown): unknown {
  const isWrapped = typeof answer === "object" && answer !== null && Object.keys(answer).join() === "value";
  return isWrapped ? (answer as { readonly value: unknown }).value : answer;
}

async function webkitLine(): Promise<Line> {
  const display = await startDisplay();
  const port = await freePort();
  const env = { DISPLAY: display.name, GTK_THEME: "Adwaita:dark" };
  const driver = spawnKept(WEBKIT_DRIVER, ["-p", String(port)], env);
  const ask = async (method: string, path: string, body: object): Promise<unknown> => {
    const content = method === "POST" ? { body: JSON.stringify(body) } : {};
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...content });
    const { value } = (await response.json()) as { readonly value: unknown };
    if (!response.ok) throw new Error(JSON.stringify(value));
    return value;
  };
  const end = async () => {
    await driver.end();
    display.close();
  };
  try {
    await eventually(() => ask("GET", "/status", {}));
    const browser = { binary: browserPath("webkit"), args: ["--automation"] };
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": browser } };
    const { sessionId } = (await ask("POST", "/session", { capabilities })) as { readonly sessionId: string };
    const send = (command: Command, body: object) => {
      const [method, path] = ROUTES[command];
      return ask(method, `/session/${sessionId}${path}`, body);
    };
    return {
      send,
      async close() {
        await send("DeleteSession", {}).catch(() => undefined);
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Starts a program that does not outlive this process. */
function spawnKept(program: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child: ChildProcess = spawn(program, args, { env: { ...process.env, ...env }, stdio: "ignore" });
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  return {
    end() {
      process.off("exit", kill);
      kill();
      return ended;
    },
  };
}

/** Resolves with the first value that a function has. */
async function eventually<Value>(look: () => Value | Promise<Value>): Promise<NonNullable<Value>> {
  const end = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      const value = await look();
      if (value !== undefined && value !== null) return value;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    if (performance.now() > end) throw new Error("The browser did not start.");
    await elapse(20);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
