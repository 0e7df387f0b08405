#!/usr/bin/env node
/** The `cloudllm` command: joins `run` to this process. */

import { run } from "./run.ts";

// Not `process.exit`: what is written and not yet read by a slow pipe would be lost.
process.exitCode = await run(process.argv.slice(2), process, process.env);
