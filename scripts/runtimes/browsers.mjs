/**
 * The browsers that checks and tests use where they are installed: Chromium, Firefox, and WebKit as the small browser of
 * WebKitGTK, which needs a display.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const BROWSERS = ["chromium", "firefox", "webkit"];

/** Requests that a new profile makes to hosts of the maker, and pages that it opens first. */
const FIREFOX_PREFERENCES = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.aboutwelcome.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.page": 0,
  "browser.tabs.warnOnClose": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.update.enabled": false,
  "marionette.port": 0, // any; the profile's file `MarionetteActivePort` has it
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "toolkit.telemetry.server": "",
};

const CHROMIUM_FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update"],
];

const LIBRARIES = "/usr/lib";

/** @type {Record<string, () => readonly string[]>} */
const PLACES = {
  chromium: () => [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"],
  firefox: () => [process.env.FIREFOX, "/usr/bin/firefox-esr", "/usr/bin/firefox"],
  webkit: () =>
    existsSync(LIBRARIES)
      ? readdirSync(LIBRARIES).map((machine) => join(LIBRARIES, machine, "webkit2gtk-4.1", "MiniBrowser"))
      : [],
};

/** The path of a browser; `undefined` where it is not installed. */
export function browserPath(name) {
  return PLACES[name]().find((path) => path !== undefined && existsSync(path));
}

/** The display that WebKit draws on; `undefined` where no program for one is installed. */
export function displayPath() {
  return ["/usr/bin/Xvfb"].find((path) => existsSync(path));
}

/** Writes the preferences that a profile of Firefox starts with. */
export function writeFirefoxProfile(folder, more = {}) {
  mkdirSync(folder, { recursive: true });
  const lines = Object.entries({ ...FIREFOX_PREFERENCES, ...more }).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  writeFileSync(join(folder, "user.js"), lines.join(""));
}

/** The arguments with which a browser shows an address, in a profile of its own. */
export function argumentsFor(name, profile, url) {
  switch (name) {
    case "chromium":
      return [...CHROMIUM_FLAGS, `--user-data-dir=${profile}`, url];
    case "firefox":
      writeFirefoxProfile(profile);
      return ["--headless", "--no-remote", "--profile", profile, url];
    default:
      return ["--private", url];
  }
}

/** Starts a display without a screen. Resolves with its name and with what ends it. */
export async function startDisplay() {
  const server = spawn(
    displayPath() ?? "Xvfb",
    ["-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
    {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    },
  );
  const close = () => void server.kill("SIGKILL");
  process.once("exit", close);
  const number = await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("close", (code) => reject(new Error(`Xvfb ended with ${code}`)));
    server.stdio[3].once("data", (line) => resolve(String(line).trim()));
  });
  return {
    name: `:${number}`,
    close() {
      process.off("exit", close);
      close();
    },
  };
}
