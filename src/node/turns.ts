/**
 * How long our turns of the event loop are, in CPU time (a turn that waits for another process's time slice is not
 * ours). Every dispatch point runs through `measure`; the budget is 20 ms. The longest few are kept by name, since a
 * histogram does not say which piece of work was to blame.
 */
import type { Clock } from "../port/clock.ts";
import type { Metrics } from "../port/metrics.ts";

export const TURN_BUDGET_MS = 20;
const KEPT = 10;

export interface Turn {
  readonly name: string;
  readonly cpuMs: number;
  /** On the monotonic clock. */
  readonly at: number;
}

export class TurnMeter {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  /** Longest first, one per name. */
  #worst: readonly Turn[] = [];
  #overBudget = 0;
  #depth = 0;

  constructor(clock: Clock, metrics: Metrics) {
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** Runs synchronous work. Inside another measured turn it counts as part of that one. */
  readonly measure = <T>(name: string, work: () => T): T => {
    if (this.#depth > 0) return work();
    const startMicros = this.#clock.cpuMicros();
    this.#depth++;
    try {
      return work();
    } finally {
      this.#depth--;
      this.#record(name, (this.#clock.cpuMicros() - startMicros) / 1_000);
    }
  };

  /** The longest turns by name, longest first. */
  get worst(): readonly Turn[] {
    return this.#worst;
  }

  /** Turns that were longer than the budget. */
  get overBudget(): number {
    return this.#overBudget;
  }

  #record(name: string, cpuMs: number): void {
    this.#metrics.observe("turnSeconds", cpuMs / 1_000, { turn: name });
    if (cpuMs > TURN_BUDGET_MS) this.#overBudget++;
    const last = this.#worst[KEPT - 1];
    if (last && cpuMs <= last.cpuMs) return;
    const known = this.#worst.find((turn) => turn.name === name);
    if (known && known.cpuMs >= cpuMs) return;
    const turn: Turn = { name, cpuMs, at: this.#clock.now() };
    this.#worst = [...this.#worst.filter((other) => other.name !== name), turn]
      .sort((a, b) => b.cpuMs - a.cpuMs)
      .slice(0, KEPT);
  }
}
