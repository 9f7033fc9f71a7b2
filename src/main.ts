/** argv → program, nothing else. */
import { endProcess, processHost } from "./program/process-host.ts";
import { run } from "./program/run.ts";

await endProcess(process, await run(process.argv.slice(2), processHost(process)));
