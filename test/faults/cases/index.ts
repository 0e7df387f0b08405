import type { Section } from "../fault.ts";
import { bytes } from "./bytes.ts";
import { caller } from "./caller.ts";
import { connection } from "./connection.ts";
import { http } from "./http.ts";
import { protocol } from "./protocol.ts";
import { relay } from "./relay.ts";
import { secrets } from "./secrets.ts";
import { sessions } from "./sessions.ts";
import { time } from "./time.ts";

/** What may happen to a client. */
export const OF_CLIENT: readonly Section[] = [bytes, protocol, http, time, connection, caller, secrets, sessions];
/** What may happen to a relay. */
export const OF_RELAY: readonly Section[] = [relay];
/** The table, in its order. */
export const SECTIONS: readonly Section[] = [...OF_CLIENT, ...OF_RELAY];
