/** What the process of an IP-in-IP device counts, carried over into metrics: asked now and then, since it tells nobody by itself. */
import type { Clock, Timer } from "../../port/clock.ts";
import type { Metrics } from "../../port/metrics.ts";
import { KernelError } from "../../port/netlink.ts";
import { noPackets, type TunnelCounters, type TunnelServer } from "../../port/tunnel-server.ts";

export const ASK_EVERY_MS = 10_000;

/** By what is counted, the label of the metric. */
const OUTCOMES: Readonly<Record<keyof TunnelCounters, string>> = {
  received: "received",
  notSent: "not sent",
  unknownSource: "unknown source",
  notReceived: "not received",
};

export interface TunCountersDeps {
  readonly clock: Clock;
  readonly server: Pick<TunnelServer, "state">;
  readonly metrics: Pick<Metrics, "count">;
}

export class TunCounters {
  readonly #deps: TunCountersDeps;
  /** Of the process with this number, when it was last asked. */
  #before: { readonly pid: number; readonly counters: TunnelCounters } | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(deps: TunCountersDeps) {
    this.#deps = deps;
    this.#wait();
  }

  #wait(): void {
    this.#timer = this.#deps.clock.after(ASK_EVERY_MS, () => void this.#ask());
  }

  async #ask(): Promise<void> {
    try {
      const state = await this.#deps.server.state();
      if (state) this.#add(state);
    } catch (failure) {
      // Who makes the device says that the process does not answer.
      if (!(failure instanceof KernelError)) throw failure;
    }
    if (!this.#isClosed) this.#wait();
  }

  /** What an agent before this one has seen already counts once more: as counters of a process that begins do. */
  #add({ pid, counters }: { readonly pid: number; readonly counters: TunnelCounters }): void {
    const before = this.#before?.pid === pid ? this.#before.counters : noPackets();
    for (const [name, outcome] of Object.entries(OUTCOMES) as [keyof TunnelCounters, string][]) {
      const more = counters[name] - before[name];
      if (more > 0) this.#deps.metrics.count("ipipProcessPackets", more, { outcome });
    }
    this.#before = { pid, counters: { ...counters } };
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }
}
