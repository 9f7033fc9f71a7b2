/**
 * One kind of kernel object held as desired: knows what is desired (a function of the key), what the kernel holds (from
 * one dump and the notifications since) and which keys may differ. Marking is cheap and may happen at any time; passes
 * carry out what is marked. Failed keys stay marked and wait out a back-off; nothing else waits for them.
 */
import type { TakenDevices } from "../kernel/taken-devices.ts";
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Driver, Failure } from "../reconcile/driver.ts";
import { type Desired, type Op, plan, planKey } from "../reconcile/plan.ts";
import type { Repair } from "./repair.ts";
import { Retries } from "./retries.ts";

/** Operations handed to the driver at once; between batches other work gets its turn. */
const BATCH = 2_000;

export interface ReconcilerDeps<V> {
  readonly driver: Driver<V>;
  readonly desired: Desired<V>;
  /** One line for people. */
  readonly describe: (value: V) => string;
  /** Names of the devices that an object hangs on. */
  readonly devicesOf: (value: V) => readonly string[];
  /** What hung on these is gone by our own hand. */
  readonly taken: Pick<TakenDevices, "has" | "names">;
  readonly clock: Clock;
  readonly log: Log;
  /** Something is marked: the owner shall run a pass. */
  readonly wake: () => void;
  /** Wraps each call of the driver, to measure turns. */
  readonly turn: <T>(name: string, work: () => T) => T;
  /** The driver has answered. */
  readonly progress: () => void;
  /** A key could not be set and will be tried again. */
  readonly failed: () => void;
  /** A foreign hand had changed an object of ours and it was put back. */
  readonly repaired: (repair: Repair) => void;
}

export interface PassOptions {
  /** Only what somebody waits for. */
  readonly urgentOnly?: boolean;
  /** Called between batches and at the end: an urgent pass may run there. */
  readonly between?: () => Promise<void>;
}

export interface ReconcilerStatus {
  readonly driver: string;
  readonly actual: number;
  readonly waiting: number;
  readonly failed: readonly Failure[];
}

export class Reconciler<V> {
  readonly #deps: ReconcilerDeps<V>;
  readonly #dirty = new Set<string>();
  /** Those of the dirty keys that somebody waits for. */
  readonly #urgent = new Set<string>();
  /**
   * Keys that a notification marked, not a change of what is desired: a difference there is somebody's doing, unless it went with
   * a device that we took away. With what others have put in the place of ours, in words, where that was told.
   */
  readonly #observed = new Map<string, string | undefined>();
  /** Failed keys wait here for their time, out of `#dirty`, so that `isDirty` means work that can be done now. */
  readonly #retries: Retries;
  #actual = new Map<string, V>();
  #resync: string | undefined = "start";
  /** Devices that we had just taken away whenever that was asked for: by the time of the reading it may be long ago. */
  readonly #takenSince = new Set<string>();

  constructor(deps: ReconcilerDeps<V>) {
    this.#deps = deps;
    this.#retries = new Retries(deps.clock, (key) => this.#mark(key));
  }

  /** Subscribes, so that nothing is missed between the first dump and the first notification. */
  start(): void {
    this.#deps.driver.watch({
      observed: (key, actual, inPlace) => {
        const was = this.#actual.get(key) ?? this.#deps.desired.get(key);
        if (actual === undefined) this.#actual.delete(key);
        else this.#actual.set(key, actual);
        this.#retries.forget(key);
        const isGone = actual === undefined && inPlace === undefined;
        if (!(isGone && was !== undefined && this.#wentWithDevice(key, was))) this.#observed.set(key, inPlace);
        this.#mark(key);
      },
      retry: (key) => {
        if (this.#retries.forget(key)) this.#mark(key);
      },
      resync: (reason) => this.resync(reason),
    });
  }

  /** Everything is read again in the next pass. */
  resync(reason: string): void {
    this.#resync = reason;
    for (const device of this.#deps.taken.names()) this.#takenSince.add(device);
    this.#deps.wake();
  }

  /** What is desired under the key may have changed. */
  readonly mark = (key: string): void => {
    this.#observed.delete(key);
    this.#retries.forget(key);
    this.#mark(key);
  };

  /** The same, and somebody waits for it. */
  readonly markUrgent = (key: string): void => {
    this.#urgent.add(key);
    this.mark(key);
  };

  #mark(key: string): void {
    this.#dirty.add(key);
    this.#deps.wake();
  }

  /** The keys under which the kernel holds something, as far as is known. */
  get actualKeys(): Iterable<string> {
    return this.#actual.keys();
  }

  /** Whether a pass has something to do now. */
  get isDirty(): boolean {
    return this.#dirty.size > 0 || this.#resync !== undefined;
  }

  /** Whether the kernel has to be read before anything is carried out. */
  get isStale(): boolean {
    return this.#resync !== undefined;
  }

  failure(key: string): Failure["error"] | undefined {
    return this.#retries.error(key);
  }

  status(): ReconcilerStatus {
    const { failed } = this.#retries;
    return { driver: this.#deps.driver.name, actual: this.#actual.size, waiting: this.#dirty.size, failed };
  }

  /** Reads the kernel when that is due, and marks every key that differs. Whether it was. */
  async refresh(): Promise<boolean> {
    if (this.#resync === undefined) return false;
    const isFirst = this.#resync === "start";
    this.#resync = undefined;
    const taken = new Set(this.#takenSince);
    this.#takenSince.clear();
    const { driver, desired, clock, turn, progress } = this.#deps;
    this.#actual = new Map(await turn(`read ${driver.name}`, () => driver.readOwned()));
    progress();
    let seen = 0;
    for (const op of plan(desired, this.#actual, driver.equal.bind(driver))) {
      if (op) {
        const isOurs = () => op.op === "add" && this.#wentWithDevice(op.key, op.value, taken);
        if (!isFirst && !this.#isPending(op.key) && !isOurs()) this.#observed.set(op.key, this.#observed.get(op.key));
        this.#dirty.add(op.key);
      }
      if (++seen % BATCH === 0) await clock.yield();
    }
    return true;
  }

  /** Whether something that is gone hung on a device that we took away ourselves; `also`: of such devices those of earlier. */
  #wentWithDevice(key: string, was: V, also?: ReadonlySet<string>): boolean {
    const { devicesOf, taken, log, driver } = this.#deps;
    const device = devicesOf(was).find((name) => taken.has(name) || also?.has(name));
    if (device === undefined) return false;
    log.debug("a kernel object went with a device that was taken away here", { driver: driver.name, key, device });
    return true;
  }

  /** Whether a change of ours is yet to be made there: a difference is nobody else's doing. */
  #isPending(key: string): boolean {
    return this.#dirty.has(key) || this.#retries.error(key) !== undefined;
  }

  /** Carries out what adds or replaces. */
  readonly addsPass = (options: PassOptions = {}): Promise<void> => this.#pass((op) => op.op !== "remove", options);

  /** Carries out what removes. Runs after the adds of every kind that may take over. */
  readonly removalsPass = (options: PassOptions = {}): Promise<void> => this.#pass((op) => op.op === "remove", options);

  async #pass(takes: (op: Op<V>) => boolean, { urgentOnly = false, between }: PassOptions): Promise<void> {
    const { driver, desired, clock } = this.#deps;
    const equal = driver.equal.bind(driver);
    let batch: Op<V>[] = [];
    for (const key of [...(urgentOnly ? this.#urgent : this.#dirty)]) {
      // What was urgent may have been done since this pass began.
      if (!this.#dirty.has(key)) continue;
      const op = planKey(key, desired.get(key), this.#actual.get(key), equal);
      if (!op) {
        this.#settled(key);
        continue;
      }
      if (!takes(op)) continue;
      batch.push(op);
      if (batch.length >= BATCH) {
        await this.#carryOut(batch);
        batch = [];
        await clock.yield();
        await between?.();
      }
    }
    if (batch.length > 0) await this.#carryOut(batch);
    await between?.();
  }

  async #carryOut(ops: readonly Op<V>[]): Promise<void> {
    const { driver, turn, progress } = this.#deps;
    // Taken off before the driver acts: a notification that arrives meanwhile marks the key again.
    const observed = new Map<string, string | undefined>();
    for (const { key } of ops) {
      this.#dirty.delete(key);
      this.#urgent.delete(key);
      if (!this.#observed.has(key)) continue;
      observed.set(key, this.#observed.get(key));
      this.#observed.delete(key);
    }
    const failed = await turn(`apply ${driver.name}`, () => driver.apply(ops));
    const failures = new Map(failed.map(({ key, error }) => [key, error]));
    progress();
    for (const op of ops) {
      const error = failures.get(op.key);
      if (error) {
        this.#failed(op.key, error);
        if (observed.has(op.key) && !this.#observed.has(op.key)) this.#observed.set(op.key, observed.get(op.key));
        continue;
      }
      if (op.op === "remove") this.#actual.delete(op.key);
      else this.#actual.set(op.key, op.value);
      this.#retries.forget(op.key);
      if (observed.has(op.key)) this.#deps.repaired(this.#repair(op, observed.get(op.key)));
    }
  }

  #repair(op: Op<V>, inPlace: string | undefined): Repair {
    const { driver, describe } = this.#deps;
    const { key } = op;
    const about = { kind: driver.name, key };
    if (op.op === "remove") return { ...about, found: "foreign", was: describe(op.was) };
    const now = describe(op.value);
    if (op.op === "replace")
      return { ...about, found: "changed", was: driver.difference?.(key) ?? describe(op.was), now };
    return { ...about, now, ...(inPlace === undefined ? { found: "gone" } : { found: "foreign", was: inPlace }) };
  }

  #settled(key: string): void {
    this.#dirty.delete(key);
    this.#urgent.delete(key);
    this.#observed.delete(key);
    this.#retries.forget(key);
  }

  #failed(key: string, error: Failure["error"]): void {
    const { log, driver, failed } = this.#deps;
    if (!isWait(error)) failed();
    if (this.#retries.add(key, error)) {
      const about = { driver: driver.name, key };
      if (isWait(error)) log.debug("a kernel object waits for its device", { ...about, why: error.message });
      else log.warn("a kernel object cannot be set, will be tried again", about, error);
    }
  }

  close(): void {
    this.#retries.close();
    this.#deps.driver.close();
  }
}

/** A device that is missing or down is no failure: the endpoint of a new pod is known before its device is up. */
const isWait = ({ errno }: Failure["error"]): boolean => errno === "ENODEV" || errno === "ENETDOWN";
