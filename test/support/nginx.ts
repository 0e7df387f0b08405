/** Debian's nginx as a proxy with its default settings, for tests of what a proxy does to a stream. */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type Engine, startEngine } from "./engine.ts";

/** Why there is no nginx; `undefined` when there is one. */
export const nginxMissing: string | undefined =
  spawnSync("nginx", ["-v"]).status === 0 ? undefined : "nginx is not installed";

/**
 * Starts nginx in front of a server. Without directives, it buffers responses and asks the server in HTTP/1.0, which
 * has no end of a body but the end of the connection.
 */
export function startNginx(upstream: string, directives = ""): Promise<Engine> {
  return startEngine({
    command(folder, port) {
      const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map((name) => `${name}_temp_path ${join(folder, name)};`)
        .join(" ");
      const user = process.getuid?.() === 0 ? "user root;" : "";
      writeFileSync(
        join(folder, "nginx.conf"),
        `${user} daemon off; master_process off; pid ${join(folder, "pid")}; error_log stderr;
        events { worker_connections 64; }
        http {
          access_log off; ${paths}
          gzip on; # as Debian does
          server { listen 127.0.0.1:${port}; ${directives} location / { proxy_pass ${upstream}; } }
        }`,
      );
      return ["nginx", "-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"];
    },
    answers: (port) =>
      new Promise((resolve, reject) => {
        const socket = connect(port, "127.0.0.1", () => {
          socket.destroy();
          resolve();
        });
        socket.once("error", reject);
      }),
    killedBy: "SIGKILL",
  });
}
