/**
 * How long our turns of the event loop are, in CPU time of its thread (a turn that waits for another process's time slice is
 * not ours); the budget is 20 ms. A turn is one callback of the loop with all the promises that it settles. Two ways in:
 *
 * - `measure` runs synchronous work under a name; what that work awaits goes on under the same name.
 * - `resumed` says that work goes on here, after a wait. Metered clocks, namespaces and sockets call it (`metered-*.ts`): after
 *   a yield, a timer, a call on another thread. The turn lasts until the next callback that is known to be one.
 *
 * What is measured inside a turn that goes on is part of it; the turn is called by what took most of it. The longest few are
 * kept by name, since a histogram does not say which piece of work was to blame.
 */
import type { Clock } from "../port/clock.ts";
import type { Metrics } from "../port/metrics.ts";
import type { WorkName } from "../port/work-name.ts";

export const TURN_BUDGET_MS = 20;
const KEPT = 10;
/** Of work that nobody has named. */
const UNNAMED = "unnamed";

export interface Turn {
  readonly name: string;
  readonly cpuMs: number;
  /** On the monotonic clock. */
  readonly at: number;
}

/** A turn that goes on. */
interface OpenTurn {
  readonly startMicros: number;
  readonly name: string;
  /** What was measured inside, by name, in microseconds. */
  readonly pieces: Map<string, number>;
}

export class TurnMeter {
  readonly #clock: Clock;
  readonly #metrics: Pick<Metrics, "observe">;
  readonly #work: WorkName;
  /** Longest first, one per name. */
  #worst: readonly Turn[] = [];
  #overBudget = 0;
  #depth = 0;
  #open: OpenTurn | undefined;

  constructor(
    clock: Clock,
    { metrics, work }: { readonly metrics: Pick<Metrics, "observe">; readonly work: WorkName },
  ) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#work = work;
  }

  /** Runs work; its synchronous stretch is measured. Inside another measured stretch it counts as part of that one. */
  readonly measure = <T>(name: string, work: () => T): T => {
    if (this.#depth > 0) return this.#work.run(name, work);
    const startMicros = this.#clock.cpuMicros();
    this.#depth++;
    try {
      return this.#work.run(name, work);
    } finally {
      this.#depth--;
      this.#took(name, this.#clock.cpuMicros() - startMicros);
    }
  };

  #took(name: string, micros: number): void {
    const pieces = this.#open?.pieces;
    if (pieces) pieces.set(name, (pieces.get(name) ?? 0) + micros);
    else this.#record(name, micros / 1_000);
  }

  /** Work goes on, in a callback of its own: the turn before is over, and a new one begins. */
  readonly resumed = (): void => {
    this.ended();
    const name = this.#work.current ?? UNNAMED;
    this.#open = { startMicros: this.#clock.cpuMicros(), name, pieces: new Map() };
  };

  /** Another callback begins: the turn that was going on, if any, is over. */
  readonly ended = (): void => {
    if (!this.#open) return;
    const { startMicros, name, pieces } = this.#open;
    this.#open = undefined;
    const micros = this.#clock.cpuMicros() - startMicros;
    let [longest, left] = [name, micros];
    for (const took of pieces.values()) left -= took;
    for (const [piece, took] of pieces) if (took >= left) [longest, left] = [piece, took];
    this.#record(longest, micros / 1_000);
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
