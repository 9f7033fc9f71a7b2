/** A driver over a map, with a foreign hand and faults: for what stands above drivers. */
import { KernelError } from "../port/netlink.ts";
import type { Driver, DriverSink, Failure } from "../reconcile/driver.ts";
import type { Op } from "../reconcile/plan.ts";

export class MemoryDriver<V> implements Driver<V> {
  readonly name: string;
  readonly kernel = new Map<string, V>();
  /** Every batch that was applied. */
  readonly applied: (readonly Op<V>[])[] = [];
  /** Keys that the kernel refuses for now. */
  readonly refused = new Set<string>();
  /** While true, `apply` does not come back. */
  hangs = false;
  /** Why it refuses them. */
  errno: "EINVAL" | "ENODEV" | "ENETDOWN" = "EINVAL";
  #sink: DriverSink<V> | undefined;

  constructor(name: string) {
    this.name = name;
  }

  async readOwned(): Promise<ReadonlyMap<string, V>> {
    return new Map(this.kernel);
  }

  equal(desired: V, actual: V): boolean {
    return JSON.stringify(desired) === JSON.stringify(actual);
  }

  async apply(ops: readonly Op<V>[]): Promise<readonly Failure[]> {
    this.applied.push(ops);
    if (this.hangs) return new Promise(() => undefined);
    const failures: Failure[] = [];
    for (const op of ops) {
      if (this.refused.has(op.key)) {
        const { errno } = this;
        failures.push({ key: op.key, error: new KernelError({ call: "add", errno, number: 0, subject: op.key }) });
      } else if (op.op === "remove") this.hand(op.key, undefined);
      else this.hand(op.key, op.value);
    }
    return failures;
  }

  /** Whoever changes the kernel, notifications tell of it; `inPlace`: what of others stands there, in words. */
  hand(key: string, value: V | undefined, inPlace?: string): void {
    if (value === undefined) this.kernel.delete(key);
    else this.kernel.set(key, value);
    this.#sink?.observed(key, value, inPlace);
  }

  /** A change whose notification is lost; the kernel says that something was. */
  silentHand(key: string, value: V | undefined): void {
    if (value === undefined) this.kernel.delete(key);
    else this.kernel.set(key, value);
    this.#sink?.resync("ENOBUFS");
  }

  watch(sink: DriverSink<V>): void {
    this.#sink = sink;
  }

  close(): void {
    this.#sink = undefined;
  }
}
