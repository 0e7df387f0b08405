/** Light or dark, before the first paint: the person's choice, else the system's. A script of its own, that blocks. */

import { storedText } from "./stored.ts";

const theme = storedText("localStorage", "cloudllm.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
