/** Faults between a relay and its browsers. */

import type { Section } from "../fault.ts";
import { outages } from "./relay-outages.ts";
import { viewers } from "./relay-viewers.ts";

export const relay: Section = { number: 9, title: "Relay to a browser", faults: [...viewers, ...outages] };
