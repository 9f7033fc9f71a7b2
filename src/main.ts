/** argv → program, nothing else. */
import { processHost } from "./program/process-host.ts";
import { run } from "./program/run.ts";

process.exit(await run(process.argv.slice(2), processHost(process)));
