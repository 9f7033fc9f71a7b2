/**
 * What a driver has to say to its owner, and what it must remember for that: which keys hang on which device. The kernel
 * takes away what a device carried without a word when the device goes (IPv4 routes even when it is set down), and
 * what failed for want of a device can be set when it comes.
 *
 * While the driver reads the kernel, what notifications say is laid over what the dump finds: either may be the newer one for
 * a key, and notifications are the ones that come in order. What is known before it writes is said before the owner takes in
 * the outcome, what comes while it writes after that, so that the outcome does not overwrite what came after it.
 */
import type { LinkChanged } from "../../kernel/link-table.ts";
import type { Clock } from "../../port/clock.ts";
import type { DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { DeviceKeys } from "./device-keys.ts";

interface Held<V> {
  /** The key that it is about, if about one. */
  readonly key: string | undefined;
  readonly what: (sink: DriverSink<V>) => void;
}

export class Observer<V> {
  readonly #devicesOf: (item: V) => readonly string[];
  #carried = new DeviceKeys();
  readonly #waiting = new DeviceKeys();
  #sink: DriverSink<V> | undefined;
  #during: Map<string, V | undefined> | undefined;
  #isWriting = false;
  #held: Held<V>[] = [];
  /** Keys that were said something of since it was begun to collect them. */
  #said: Set<string> | undefined;

  /** `devicesOf`: names of the devices that the kernel's object hangs on. */
  constructor(devicesOf: (item: V) => readonly string[]) {
    this.#devicesOf = devicesOf;
  }

  attach(sink: DriverSink<V>): void {
    this.#sink = sink;
  }

  /** The kernel holds this now. `isCarried`: to be reported when one of its devices is lost. */
  present(key: string, item: V, isCarried = true): void {
    if (isCarried) for (const device of this.#devicesOf(item)) this.#carried.add(device, key);
    this.#tell(key, item);
  }

  /**
   * The kernel holds nothing there now. That the key hangs on a device is not forgotten: this may tell of the time before a
   * write of ours, and a loss that is reported once too often costs nothing. `inPlace`: what of others stands there, in
   * words.
   */
  absent(key: string, inPlace?: string): void {
    this.#tell(key, undefined, inPlace);
  }

  #tell(key: string, actual: V | undefined, inPlace?: string): void {
    this.#during?.set(key, actual);
    this.#say((sink) => sink.observed(key, actual, inPlace), key);
  }

  #say(what: (sink: DriverSink<V>) => void, key?: string): void {
    if (this.#isWriting || this.#held.length > 0) this.#held.push({ key, what });
    else this.#sayNow({ key, what });
  }

  #sayNow({ key, what }: Held<V>): void {
    if (key !== undefined) this.#said?.add(key);
    if (this.#sink) what(this.#sink);
  }

  #release(): void {
    if (this.#isWriting) return;
    for (const held of this.#held.splice(0)) this.#sayNow(held);
  }

  resync(reason: string): void {
    this.#say((sink) => sink.resync(reason));
  }

  /**
   * Runs a dump, which puts what it finds into the collection; what is observed meanwhile is part of the answer. One at
   * a time.
   */
  async reading(read: (found: Collection<V>) => Promise<void>): Promise<ReadonlyMap<string, V>> {
    this.#release();
    const during = new Map<string, V | undefined>();
    const found = new Collection(this.#devicesOf);
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

  /**
   * Carries out operations. `drain` takes in what the kernel has reported until now; it was not known when the operations
   * were decided. What is observed while they are carried out is reported in a later turn. `silent`: operations that the kernel
   * does not report to us. What became of one whose key others changed meanwhile cannot be told then (a removal may have found
   * another's object, which it leaves), so everything is to be read again. One at a time.
   */
  async writing<T>(
    clock: Clock,
    drain: () => void,
    write: () => Promise<T>,
    silent: readonly Op<V>[] = [],
  ): Promise<T> {
    const before = new Set<string>();
    this.#said = before;
    this.#release();
    drain();
    this.#said = undefined;
    this.#isWriting = true;
    try {
      return await write();
    } finally {
      this.#isWriting = false;
      this.#settleDoubts(silent, before);
      if (this.#held.length > 0) void clock.yield().then(() => this.#release());
    }
  }

  #settleDoubts(silent: readonly Op<V>[], before: ReadonlySet<string>): void {
    if (before.size === 0 && this.#held.length === 0) return;
    const observed = new Set(this.#held.map(({ key }) => key));
    const isDoubtful = (key: string): boolean => before.has(key) || observed.has(key);
    const doubtful = new Set(silent.flatMap(({ key }) => (isDoubtful(key) ? [key] : [])));
    if (doubtful.size === 0) return;
    const certain = this.#held.filter(({ key }) => key === undefined || !doubtful.has(key));
    const what = (sink: DriverSink<V>): void => sink.resync("others changed what was just being written");
    this.#held = [...certain, { key: undefined, what }];
  }

  /** Nothing is reported any more. */
  close(): void {
    this.#sink = undefined;
  }

  /** An operation has succeeded. */
  applied(op: Op<V>, isCarried = true): void {
    if (op.op !== "add") for (const device of this.#devicesOf(op.was)) this.#carried.delete(device, op.key);
    if (op.op === "remove" || !isCarried) return;
    for (const device of this.#devicesOf(op.value)) this.#carried.add(device, op.key);
  }

  /** The failure of a key that is tried again when the device has come or risen. */
  waitFor(device: string, failure: Failure): Failure {
    this.#waiting.add(device, failure.key);
    return failure;
  }

  /** Whether something of ours hangs on the device. */
  carries(device: string): boolean {
    return this.#carried.has(device);
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
    for (const key of this.#waiting.take(device)) this.#say((sink) => sink.retry(key));
  }
}

/** What a dump has found so far. */
export class Collection<V> {
  readonly #devicesOf: (item: V) => readonly string[];
  readonly items = new Map<string, V>();
  readonly carried = new DeviceKeys();

  constructor(devicesOf: (item: V) => readonly string[]) {
    this.#devicesOf = devicesOf;
  }

  set(key: string, item: V, isCarried = true): void {
    this.items.set(key, item);
    if (isCarried) for (const device of this.#devicesOf(item)) this.carried.add(device, key);
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
