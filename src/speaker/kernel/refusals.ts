/** What the kernel refused of one part, for the log: a line for all of it. */
import type { Log } from "../../port/log.ts";
import type { KernelError } from "../../port/netlink.ts";
import type { Way } from "./way.ts";

export class Refusals {
  #count = 0;
  #first: KernelError | undefined;
  readonly #ways = new Set<Way>();

  /** Left out: a route that could not be removed. */
  add(error: KernelError, way?: Way): void {
    this.#count++;
    this.#first ??= error;
    if (way) this.#ways.add(way);
  }

  log(log: Log): void {
    if (!this.#first) return;
    let waiting = 0;
    for (const { parked } of this.#ways) waiting += parked.size;
    log.warn("the kernel refused routes", { count: this.#count, first: this.#first.message, waiting });
  }
}
