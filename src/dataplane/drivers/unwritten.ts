/**
 * Items that this kernel does not need: something else does what they are for (the kernel's own ipip takes no neighbours, and a
 * rule of nftables asks for its sources). They are kept as if they had been written, and nothing is.
 */
import type { Driver, DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { itemOf } from "./deps.ts";

export class UnwrittenDriver<V> implements Driver<V> {
  readonly name: string;
  readonly #kept = new Map<string, V>();
  readonly #written: Driver<V> | undefined;
  readonly #isUnwritten: (item: V) => boolean;

  /** With `written`, what is not `isUnwritten` is that driver's. */
  constructor(name: string, isUnwritten: (item: V) => boolean = () => true, written?: Driver<V>) {
    this.name = name;
    this.#isUnwritten = isUnwritten;
    this.#written = written;
  }

  async readOwned(): Promise<ReadonlyMap<string, V>> {
    return new Map([...((await this.#written?.readOwned()) ?? []), ...this.#kept]);
  }

  equal(desired: V, actual: V): boolean {
    return this.#isUnwritten(desired) || (this.#written?.equal(desired, actual) ?? true);
  }

  async apply(ops: readonly Op<V>[]): Promise<readonly Failure[]> {
    const written: Op<V>[] = [];
    for (const op of ops) {
      if (!this.#isUnwritten(itemOf(op))) written.push(op);
      else if (op.op === "remove") this.#kept.delete(op.key);
      else this.#kept.set(op.key, op.value);
    }
    return written.length === 0 ? [] : ((await this.#written?.apply(written)) ?? []);
  }

  watch(sink: DriverSink<V>): void {
    this.#written?.watch(sink);
  }

  close(): void {
    this.#written?.close();
  }
}
