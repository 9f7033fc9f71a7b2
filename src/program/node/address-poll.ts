/** Looks again, from time to time, which address the node has: an interface may have changed under it. */
import type { LocalNode, NodeStartup } from "../../node/startup.ts";
import type { Clock, Millis, Timer } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";

export interface AddressPollDeps {
  readonly startup: NodeStartup;
  readonly clock: Clock;
  readonly log: Log;
  /** AUTODETECT_POLL_INTERVAL. */
  readonly intervalMs: Millis;
}

export class AddressPoll {
  readonly #deps: AddressPollDeps;
  readonly #found: (local: LocalNode) => void;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(deps: AddressPollDeps, found: (local: LocalNode) => void) {
    this.#deps = deps;
    this.#found = found;
  }

  start(): void {
    if (this.#isClosed) return;
    const { startup, clock, log, intervalMs } = this.#deps;
    this.#timer = clock.after(intervalMs, () => {
      startup
        .redetectAddress()
        .then(this.#found)
        .catch((failure: unknown) => log.warn("the address stays as it was", {}, failure))
        .finally(() => this.start());
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }
}
