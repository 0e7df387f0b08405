/** What the network, the provider and the caller may do to one reply: every fault, in every wire format, on both transports. */

import { OF_CLIENT } from "./cases/index.ts";
import { testsOf } from "./tests.ts";

testsOf(OF_CLIENT);
