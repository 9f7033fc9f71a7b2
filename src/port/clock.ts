/** Milliseconds on a clock that only goes forward; differences mean something, absolute values do not. */
export type Millis = number;

export interface Timer {
  /** Idempotent; a timer that has fired is cancelled already. */
  cancel(): void;
}

/** Monotonic time. The double is `FakeClock`, whose `advance(ms)` fires timers in due order. */
export interface Clock {
  now(): Millis;
  /** Calls `fire` once, `delayMs` or more from now; a delay of 0 or less means the next turn. */
  after(delayMs: Millis, fire: () => void): Timer;
  /** Microseconds of CPU that the loop's own thread has used: what the turn budget is measured with. */
  cpuMicros(): number;
  /** Resolves in a later turn, after the I/O that is ready: where a sliced loop lets others in. */
  yield(): Promise<void>;
}

/** Time of day, for display and records only; it may jump. */
export interface WallClock {
  now(): Date;
}
