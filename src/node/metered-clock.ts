/** A clock by which work that goes on is seen to go on: what runs after a yield or in a timer is a turn that is measured. */
import type { Clock, Millis, Timer } from "../port/clock.ts";
import type { TurnMeter } from "./turns.ts";

export class MeteredClock implements Clock {
  readonly #clock: Clock;
  readonly #turns: Pick<TurnMeter, "resumed" | "ended">;

  constructor(clock: Clock, turns: Pick<TurnMeter, "resumed" | "ended">) {
    this.#clock = clock;
    this.#turns = turns;
  }

  now(): Millis {
    return this.#clock.now();
  }

  after(delayMs: Millis, fire: () => void): Timer {
    return this.#clock.after(delayMs, () => {
      this.resumed();
      fire();
    });
  }

  cpuMicros(): number {
    return this.#clock.cpuMicros();
  }

  /** Two callbacks of the loop, one right behind the other: what goes on in the first is over when the second begins. */
  async yield(): Promise<void> {
    const over = this.#clock.yield();
    void this.#clock.yield().then(this.#turns.ended);
    await over;
    this.#turns.resumed();
  }

  /** Work goes on in a callback that is none of this clock's. It ends with the callbacks that are ready now, at the latest. */
  resumed(): void {
    this.#turns.resumed();
    void this.#clock.yield().then(this.#turns.ended);
  }
}
