/** Debian's squid and tinyproxy as a company's proxy that wants a password. */

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type Engine, startEngine } from "./engine.ts";
import { opensslMissing, PROVIDER_HOST } from "./own-ca.ts";

const SQUID_AUTH = "/usr/lib/squid/basic_ncsa_auth";

/** Why there is no squid; `undefined` when there is one. */
export const squidMissing: string | undefined =
  opensslMissing ?? (existsSync(SQUID_AUTH) && isThere("squid") ? undefined : "squid is not installed");

/** Why there is no tinyproxy; `undefined` when there is one. */
export const tinyproxyMissing: string | undefined =
  opensslMissing ?? (isThere("tinyproxy") ? undefined : "tinyproxy is not installed");

function isThere(program: string): boolean {
  return spawnSync(program, ["-v"]).status === 0;
}

/** Starts squid. It alone knows the address of `PROVIDER_HOST`. */
export function startSquid(user: string, password: string): Promise<Engine> {
  return startEngine({
    prepare(folder) {
      chmodSync(folder, 0o777); // it gives up the rights of root
      const hash = execFileSync("openssl", ["passwd", "-apr1", password], { encoding: "utf8" }).trim();
      writeFileSync(join(folder, "users"), `${user}:${hash}\n`);
      writeFileSync(join(folder, "hosts"), `127.0.0.1 ${PROVIDER_HOST}\n`);
    },
    command(folder, port) {
      const file = join(folder, "squid.conf");
      writeFileSync(
        file,
        `http_port 127.0.0.1:${port}
pid_filename none
cache_log ${join(folder, "cache.log")}
access_log none
cache deny all
hosts_file ${join(folder, "hosts")}
shutdown_lifetime 0 seconds
auth_param basic program ${SQUID_AUTH} ${join(folder, "users")}
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
`,
      );
      return ["squid", "-N", "-f", file];
    },
    answers,
    killedBy: "SIGKILL",
  });
}

export function startTinyproxy(user: string, password: string): Promise<Engine> {
  return startEngine({
    command(folder, port) {
      const file = join(folder, "tinyproxy.conf");
      writeFileSync(file, `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nBasicAuth ${user} ${password}\n`);
      return ["tinyproxy", "-d", "-c", file];
    },
    answers,
    killedBy: "SIGKILL",
  });
}

function answers(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}
