/**
 * Devices that this process itself takes away: removes, makes anew, sets down. What hung on such a device (routes, neighbours,
 * forwarding entries, addresses, settings) goes with it, and whoever hears of that loss asks here whether it is our own
 * doing. Known by name, while it is done and for `HEARD_WITHIN_MS` after that.
 */
import type { Clock, Millis } from "../port/clock.ts";

/** The kernel's notifications of what a device took along have been read by then, from sockets that a busy process reads late. */
export const HEARD_WITHIN_MS = 2_000;

export class TakenDevices {
  readonly #clock: Pick<Clock, "now">;
  /** By name, until when it counts as taken away by us. */
  readonly #until = new Map<string, Millis>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Does what takes the device away. One at a time for each device. */
  async taking<T>(device: string, work: () => Promise<T>): Promise<T> {
    this.#forget();
    this.#until.set(device, Number.POSITIVE_INFINITY);
    try {
      return await work();
    } finally {
      this.#until.set(device, this.#clock.now() + HEARD_WITHIN_MS);
    }
  }

  /** Whether what a device of this name has lost now is our own doing. */
  has(device: string): boolean {
    return (this.#until.get(device) ?? 0) > this.#clock.now();
  }

  /** All of which that is so. */
  names(): Iterable<string> {
    this.#forget();
    return this.#until.keys();
  }

  #forget(): void {
    const now = this.#clock.now();
    for (const [device, until] of this.#until) if (until <= now) this.#until.delete(device);
  }
}
