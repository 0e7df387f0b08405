/** Faults of the protocol: what arrives is not what the wire format says. */

import type { Section } from "../fault.ts";
import { damage } from "./protocol-damage.ts";
import { replies } from "./protocol-replies.ts";

export const protocol: Section = { number: 2, title: "Protocol", faults: [...replies, ...damage] };
