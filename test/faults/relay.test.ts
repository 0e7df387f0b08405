/** What browsers, processes and logs may do to a reply through a relay: every fault, also on every log. */

import { afterAll } from "vitest";
import { OF_RELAY } from "./cases/index.ts";
import { closeLogs } from "./logs.ts";
import { testsOf } from "./tests.ts";

afterAll(closeLogs);

testsOf(OF_RELAY);
