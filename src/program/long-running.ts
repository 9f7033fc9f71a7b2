/** What programs that run until they are told to stop have in common. */
import { SystemWallClock } from "../adapter/clock.ts";
import { StreamLog } from "../adapter/log.ts";
import type { ProcessHost } from "./process-host.ts";

/** Lines on standard error; `verbose`: those for debugging too. */
export function standardErrorLog({ stderr }: ProcessHost, verbose: boolean | undefined): StreamLog {
  return new StreamLog({
    stream: stderr,
    clock: new SystemWallClock(),
    level: verbose ? "debug" : "info",
    isTerminal: stderr.isTTY === true,
  });
}

/** Its promise resolves when the process is told to end; `reject` is for what ends it otherwise. */
export function untilStopped(host: ProcessHost): PromiseWithResolvers<void> {
  const stopped = Promise.withResolvers<void>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) host.onSignal(signal, stopped.resolve);
  return stopped;
}
