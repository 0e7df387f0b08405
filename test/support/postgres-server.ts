/** PostgreSQL as the system ships it, for the tests that need the real one. */

import { execFile, spawnSync } from "node:child_process";
import { chownSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Engine, startEngine } from "./engine.ts";

const DEBIAN = "/usr/lib/postgresql";
/** The user that Debian's package makes: the engine refuses to run as root. */
const USER = "postgres";

const folder = binaries();
const isRoot = process.getuid?.() === 0;
const owner = isRoot ? idsOf(USER) : undefined;

/** Why there is no PostgreSQL; `undefined` when there is one. */
export const postgresMissing: string | undefined = missing();

/** A PostgreSQL server of one test file. */
export interface PostgresServer extends Engine {
  /** For a client library: `postgres://postgres@127.0.0.1:PORT/postgres`. */
  readonly url: string;
}

/**
 * Starts a PostgreSQL server.
 * @param options.fsync whether each commit waits for the disk; without it, `kill` loses nothing either
 */
export async function startPostgres({ fsync = false }: { readonly fsync?: boolean } = {}): Promise<PostgresServer> {
  const run = promisify(execFile);
  const engine = await startEngine({
    async prepare(place) {
      if (owner) chownSync(place, owner.uid, owner.gid);
      const [command = "", ...args] = asUser("initdb", "-D", join(place, "data"), "-U", USER);
      await run(command, [...args, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"], { cwd: place });
    },
    command: (place, port) =>
      asUser(
        ...["postgres", "-D", join(place, "data"), "-h", "127.0.0.1", "-p", String(port), "-k", ""],
        ...["-c", `fsync=${fsync ? "on" : "off"}`],
      ),
    async answers(port) {
      await run(join(folder ?? "", "pg_isready"), ["-h", "127.0.0.1", "-p", String(port), "-t", "1"]);
    },
    killedBy: "SIGQUIT",
  });
  return Object.assign(engine, { url: `postgres://${USER}@127.0.0.1:${engine.port}/postgres` });
}

/** Returns the command line of a program of PostgreSQL, as a user that it accepts. */
function asUser(program = "", ...args: readonly string[]): string[] {
  const command = [join(folder ?? "", program), ...args];
  if (!owner) return command;
  return ["setpriv", `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups", ...command];
}

function missing(): string | undefined {
  if (folder === undefined) return "postgresql is not installed";
  if (!isRoot) return undefined;
  if (!owner) return `there is no user ${USER}, and PostgreSQL does not run as root`;
  return spawnSync("setpriv", ["--version"]).status === 0 ? undefined : "setpriv is not installed";
}

/** The folder with the newest version's programs. Debian has them on no path. */
function binaries(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const places = [...versions.map((version) => join(DEBIAN, version, "bin")), ...(process.env.PATH ?? "").split(":")];
  return places.find((place) => existsSync(join(place, "initdb")) && existsSync(join(place, "postgres")));
}

function idsOf(user: string): { readonly uid: number; readonly gid: number } | undefined {
  const [uid, gid] = ["-u", "-g"].map((what) => spawnSync("id", [what, user], { encoding: "utf8" }));
  if (uid?.status !== 0 || gid?.status !== 0) return undefined;
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
