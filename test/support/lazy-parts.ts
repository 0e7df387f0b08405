/** Loads the lazy parts of the library before the tests of a process: a clock that a test sets waits for no file. */

import { races } from "../../src/reliability/load-races.ts";
import { storedSessions } from "../../src/session/load-stored-session.ts";
import { turnSource } from "../../src/session/load-turn-source.ts";

await Promise.all([races.load(), storedSessions.load(), turnSource.load()]);
