/**
 * What a driver has to say to its owner, and what it must remember for that: which keys hang on which device. The kernel
 * takes away what a device carried without a word when the device goes (IPv4 routes even when it is set down), and
 * what failed for want of a device can be set when it comes.
 *
 * While the driver reads the kernel, what notifications say is laid over what the dump finds: either may be the newer one for
 * a key, and notifications are the ones that come in order.
 */
import type { LinkChanged } from "../../kernel/link-table.ts";
import type { DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { DeviceKeys } from "./device-keys.ts";

export class Observer<V> {
  readonly #devicesOf: (item: V) => readonly string[];
  readonly #isCarried: (key: string) => boolean;
  #carried = new DeviceKeys();
  readonly #waiting = new DeviceKeys();
  #sink: DriverSink<V> | undefined;
  #during: Map<string, V | undefined> | undefined;

  /** `devicesOf`: names of the devices that the kernel's object hangs on. `isCarried`: whether to remember that. */
  constructor(devicesOf: (item: V) => readonly string[], isCarried: (key: string) => boolean = () => true) {
    this.#devicesOf = devicesOf;
    this.#isCarried = isCarried;
  }

  attach(sink: DriverSink<V>): void {
    this.#sink = sink;
  }

  /** The kernel holds this now. */
  present(key: string, item: V): void {
    this.#carry(this.#carried, key, item);
    this.#tell(key, item);
  }

  /** The kernel holds nothing there now; `was` is what it held. */
  absent(key: string, was: V): void {
    for (const device of this.#devicesOf(was)) this.#carried.delete(device, key);
    this.#tell(key, undefined);
  }

  #tell(key: string, actual: V | undefined): void {
    this.#during?.set(key, actual);
    this.#sink?.observed(key, actual);
  }

  #carry(carried: DeviceKeys, key: string, item: V): void {
    if (this.#isCarried(key)) for (const device of this.#devicesOf(item)) carried.add(device, key);
  }

  resync(reason: string): void {
    this.#sink?.resync(reason);
  }

  /**
   * Runs a dump, which puts what it finds into the collection; what is observed meanwhile is part of the answer. One at
   * a time.
   */
  async reading(read: (found: Collection<V>) => Promise<void>): Promise<ReadonlyMap<string, V>> {
    const during = new Map<string, V | undefined>();
    const found = new Collection<V>((carried, key, item) => this.#carry(carried, key, item));
    this.#during = during;
    try {
      await read(found);
      for (const [key, actual] of during) {
        if (actual === undefined) found.delete(key);
        else found.set(key, actual);
      }
    } finally {
      this.#during = undefined;
    }
    this.#carried = found.carried;
    return found.items;
  }

  /** An operation has succeeded. */
  applied(op: Op<V>): void {
    if (op.op !== "add") for (const device of this.#devicesOf(op.was)) this.#carried.delete(device, op.key);
    if (op.op !== "remove") this.#carry(this.#carried, op.key, op.value);
  }

  /** The failure of a key that is tried again when the device has come or risen. */
  waitFor(device: string, failure: Failure): Failure {
    this.#waiting.add(device, failure.key);
    return failure;
  }

  /** Reports what a device has taken with it. */
  deviceLost(name: string, lost: (key: string) => void = () => undefined): void {
    for (const key of this.#carried.take(name)) {
      lost(key);
      this.#tell(key, undefined);
    }
  }

  /** Reports what may be tried again since a device has come or changed for the better. */
  deviceChanged({ before, after }: LinkChanged): void {
    if (!after) return;
    const isBetter =
      before === undefined ||
      before.name !== after.name ||
      (after.up && !before.up) ||
      (after.running && !before.running);
    if (isBetter) this.retry(after.name);
  }

  /** What waits for the device is to be tried again. */
  retry(device: string): void {
    for (const key of this.#waiting.take(device)) this.#sink?.retry(key);
  }
}

/** What a dump has found so far. */
export class Collection<V> {
  readonly #carry: (carried: DeviceKeys, key: string, item: V) => void;
  readonly items = new Map<string, V>();
  readonly carried = new DeviceKeys();

  constructor(carry: (carried: DeviceKeys, key: string, item: V) => void) {
    this.#carry = carry;
  }

  set(key: string, item: V): void {
    this.items.set(key, item);
    this.#carry(this.carried, key, item);
  }

  delete(key: string): void {
    this.items.delete(key);
  }

  /** Forgets everything: the dump begins again. */
  clear(): void {
    this.items.clear();
    this.carried.clear();
  }
}
