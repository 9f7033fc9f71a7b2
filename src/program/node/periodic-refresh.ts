/** The periodic look at the kernel, for changes that no notification told of. Felix's intervals; 0 turns one off. */
import type { AgentConfig } from "../../compile/config/parameters.ts";
import type { ItemKind } from "../../compile/items.ts";
import type { Dataplane } from "../../dataplane/dataplane.ts";
import type { Clock, Timer } from "../../port/clock.ts";

type Interval = "routeRefreshIntervalMs" | "interfaceRefreshIntervalMs" | "nftablesRefreshIntervalMs";

const kindsOf: Readonly<Record<Interval, readonly ItemKind[]>> = {
  routeRefreshIntervalMs: ["neighbours", "fdb", "tunnelSources", "routes"],
  interfaceRefreshIntervalMs: ["links", "addresses", "sysctls"],
  nftablesRefreshIntervalMs: ["tables"],
};
/** While an interval is off, its setting is looked at again after this. */
const LOOK_AGAIN_MS = 60_000;

export class PeriodicRefresh {
  readonly #dataplane: Dataplane;
  readonly #clock: Clock;
  readonly #config: () => AgentConfig;
  readonly #timers = new Map<Interval, Timer>();

  constructor(dataplane: Dataplane, clock: Clock, config: () => AgentConfig) {
    this.#dataplane = dataplane;
    this.#clock = clock;
    this.#config = config;
  }

  start(): void {
    for (const interval of Object.keys(kindsOf) as Interval[]) this.#schedule(interval);
  }

  #schedule(interval: Interval): void {
    const delayMs = this.#config()[interval];
    const timer = this.#clock.after(delayMs === 0 ? LOOK_AGAIN_MS : delayMs, () => {
      if (delayMs !== 0) this.#dataplane.resync("periodic refresh", kindsOf[interval]);
      this.#schedule(interval);
    });
    this.#timers.set(interval, timer);
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
  }
}
