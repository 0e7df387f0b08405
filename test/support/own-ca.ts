/** A company's own certificate authority, and a server's certificate of it: made by openssl, gone with the process. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The name of the provider in the tests. It does not resolve: only a proxy that knows it leads there. */
export const PROVIDER_HOST = "api.example.test";

export interface OwnCa {
  /** The file of the authority's certificate, for `NODE_EXTRA_CA_CERTS`. */
  readonly file: string;
  readonly ca: Buffer;
  /** Of a server under `PROVIDER_HOST`, `localhost` and `127.0.0.1`. */
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** Why there is none; `undefined` when there is. */
export const opensslMissing: string | undefined =
  spawnSync("openssl", ["version"]).status === 0 ? undefined : "openssl is not installed";

let made: OwnCa | undefined;

export function ownCa(): OwnCa {
  if (made) return made;
  const folder = mkdtempSync(join(tmpdir(), "cloudllm-ca-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string) => join(folder, name);
  const fresh = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const openssl = (...args: readonly string[]) => execFileSync("openssl", [...fresh, ...args], { stdio: "ignore" });
  openssl("-keyout", file("ca.key"), "-out", file("ca.pem"), "-subj", "/CN=Own CA");
  const issued = [
    "-CA",
    file("ca.pem"),
    "-CAkey",
    file("ca.key"),
    "-keyout",
    file("key.pem"),
    "-out",
    file("cert.pem"),
  ];
  const names = `subjectAltName=DNS:${PROVIDER_HOST},DNS:localhost,IP:127.0.0.1`;
  openssl(...issued, "-subj", `/CN=${PROVIDER_HOST}`, "-addext", names, "-addext", "basicConstraints=CA:FALSE");
  const [ca, key, cert] = ["ca.pem", "key.pem", "cert.pem"].map((name) => readFileSync(file(name)));
  if (!ca || !key || !cert) throw new Error("openssl made no certificate");
  made = { file: file("ca.pem"), ca, key, cert };
  return made;
}
