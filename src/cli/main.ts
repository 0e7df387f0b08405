#!/usr/bin/env node
/** The `cloudllm` command: joins `run` to this process. */

import { run } from "./run.ts";

// Not `process.exit`: it would drop output that a slow pipe has not read yet.
process.exitCode = await run(process.argv.slice(2), process, process.env);
