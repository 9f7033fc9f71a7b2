/**
 * What every driver must do, on any kernel: the real one in namespaces, and the memory kernel, which injects faults. A world
 * (`driver-worlds.ts`) gives a kernel with foreign objects in it, items that may be wanted, and hands that meddle.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate, setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { Reconciler } from "../dataplane/reconciler.ts";
import { TakenDevices } from "../kernel/taken-devices.ts";
import { KernelError } from "../port/netlink.ts";
import type { Driver } from "../reconcile/driver.ts";
import { plan } from "../reconcile/plan.ts";
import type { KernelFaults, KernelUnderTest } from "./driver-ground.ts";
import { FakeClock } from "./fake-clock.ts";
import { SilentLog } from "./silent-log.ts";

export interface DriverWorld<V> {
  readonly kernel: KernelUnderTest;
  /** A driver as a fresh process has it. The world closes it. */
  newDriver(): Promise<Driver<V>>;
  readonly keyOf: (item: V) => string;
  /** What may be wanted; several may share a key. */
  readonly items: readonly V[];
  /** Everything of the kind, seen from outside, a line each. */
  seen(): readonly string[];
  /** The line of an item. */
  readonly lineOf: (item: V) => string;
  /** Lines that are there from the start, of others, and must stay. */
  readonly foreign: readonly string[];
  /** Lines of others that hands leave behind, and that must go only where their key is wanted. */
  readonly tolerated?: readonly string[];
  /** What is wanted no more stays as it is: only what is wanted can be looked for. */
  readonly leavesBehind?: boolean;
  /** What others may do to objects of ours. */
  readonly hands: Readonly<Record<string, () => void | Promise<void>>>;
  /** Makes whatever hands broke for good (devices) usable again. */
  mend(): void | Promise<void>;
  /** Takes away what some items need, such as their device; `mend` brings it back. */
  readonly hinder?: { act(): void | Promise<void>; readonly hinders: (item: V) => boolean };
  close(): void | Promise<void>;
}

/** The longest back-off of the reconciler. */
const LAST_RETRY_MS = 10_000;
const ARRIVAL_MS = 2_000;
const POLL_MS = 5;

export interface ContractOptions {
  /** Random histories to run. */
  readonly runs: number;
  readonly skip?: string | false;
  /** The kernel fails on request: the memory kernel does. */
  readonly hasFaults?: boolean;
}

/** A driver held to what is desired by the shipped reconciler. */
class Keeper<V> {
  readonly desired = new Map<string, V>();
  readonly driver: Driver<V>;
  /** With faults there are failures to wait out: the owner's time is made to pass. */
  readonly #clock = new FakeClock();
  readonly #reconciler: Reconciler<V>;
  readonly #world: DriverWorld<V>;

  constructor(driver: Driver<V>, world: DriverWorld<V>) {
    this.driver = driver;
    this.#world = world;
    this.#reconciler = new Reconciler({
      driver,
      desired: this.desired,
      describe: world.lineOf,
      devicesOf: () => [],
      taken: new TakenDevices(this.#clock),
      clock: this.#clock,
      log: new SilentLog(),
      wake: () => undefined,
      turn: (_name, work) => work(),
      progress: () => undefined,
      failed: () => undefined,
      repaired: () => undefined,
    });
    this.#reconciler.start();
  }

  want(item: V, isWanted: boolean): void {
    const key = this.#world.keyOf(item);
    if (isWanted) this.desired.set(key, item);
    else this.desired.delete(key);
    this.#reconciler.mark(key);
  }

  /** As the dataplane does it: what a pass that failed knew counts for nothing. */
  async pass(): Promise<void> {
    try {
      await this.#reconciler.refresh();
      await this.#reconciler.addsPass();
      await this.#reconciler.removalsPass();
    } catch (failure) {
      if (!(failure instanceof KernelError)) throw failure;
      this.#reconciler.resync(failure.message);
    }
  }

  /** The periodic refresh, and time for what waits to be tried again. */
  async refresh(): Promise<void> {
    this.#reconciler.resync("refresh");
    await this.settle();
    await this.#clock.advance(LAST_RETRY_MS);
  }

  /** Passes until nothing is left to do: without polling the kernel, by what the driver reports. */
  async settle(): Promise<void> {
    for (let quiet = 0, tries = 0; quiet < 3; tries++) {
      await setImmediate();
      if (this.#reconciler.isDirty || tries === 0) {
        await this.pass();
        quiet = 0;
      } else quiet++;
      assert.ok(tries < 100, "it does not settle");
    }
  }

  /** Settles until all is as it shall be. The kernel reports some changes (IPv6 addresses) from a thread of its own. */
  async arrive(about = ""): Promise<void> {
    const deadline = performance.now() + ARRIVAL_MS;
    for (;;) {
      await this.settle();
      try {
        await this.#check();
        return;
      } catch (failure) {
        if (performance.now() > deadline) throw new Error(`not as desired ${about}`, { cause: failure });
      }
      await setTimeout(POLL_MS);
    }
  }

  failures(): readonly string[] {
    return this.#reconciler.status().failed.map(({ key }) => key);
  }

  /** What the owner believes must be what a dump shows, and what is desired. */
  async #check(): Promise<void> {
    const { keyOf, foreign, lineOf } = this.#world;
    const owned = await this.driver.readOwned();
    assert.deepEqual(
      [...plan(this.desired, owned, this.driver.equal.bind(this.driver))].flatMap((op) =>
        op ? [`${op.op} ${op.key}`] : [],
      ),
      [],
      "a dump finds what is desired",
    );
    assert.deepEqual([...this.#reconciler.actualKeys].sort(), [...owned.keys()].sort(), "notifications told all");
    const wanted = Array.from(this.desired.values(), lineOf);
    const seen = this.#world.seen().filter((line) => !this.#world.tolerated?.includes(line));
    const looked = this.#world.leavesBehind ? seen.filter((line) => wanted.includes(line)) : seen;
    assert.deepEqual(looked.sort(), [...foreign, ...wanted].sort(), "seen from outside");
    for (const [key, item] of this.desired) assert.equal(keyOf(item), key);
  }

  close(): void {
    this.#reconciler.close();
  }
}

/** Registers the tests of one kind. */
export function driverContract<V>(
  name: string,
  makeWorld: (t: TestContext) => Promise<DriverWorld<V>>,
  { runs, skip = false, hasFaults = false }: ContractOptions,
): void {
  const keeperIn = async (world: DriverWorld<V>): Promise<Keeper<V>> => new Keeper(await world.newDriver(), world);
  const inWorld = (title: string, work: (world: DriverWorld<V>) => Promise<void>) =>
    test(`${name}: ${title}`, { skip }, async (t) => {
      const world = await makeWorld(t);
      try {
        await work(world);
      } finally {
        await world.close();
      }
    });

  inWorld("every item can be set, changed and taken away, and others stay", async (world) => {
    const keeper = await keeperIn(world);
    await keeper.arrive();
    for (const item of world.items) {
      keeper.want(item, true);
      await keeper.arrive();
    }
    for (const item of world.items) keeper.want(item, false);
    await keeper.arrive();
  });

  inWorld("adding what exists and removing what is gone succeed", async (world) => {
    const driver = await world.newDriver();
    driver.watch({ observed: () => undefined, retry: () => undefined, resync: () => undefined });
    await driver.readOwned();
    for (const value of world.items) {
      const key = world.keyOf(value);
      for (let time = 0; time < 2; time++) assert.deepEqual(await driver.apply([{ op: "add", key, value }]), []);
      for (let time = 0; time < 2; time++)
        assert.deepEqual(await driver.apply([{ op: "remove", key, was: value }]), []);
    }
    if (!world.leavesBehind) assert.deepEqual([...world.seen()].sort(), [...world.foreign].sort());
  });

  inWorld("a fresh process knows what another one made", async (world) => {
    const keeper = await keeperIn(world);
    for (const item of world.items) keeper.want(item, true);
    await keeper.settle();
    keeper.close();
    const heir = await keeperIn(world);
    for (const item of keeper.desired.values()) heir.want(item, true);
    await heir.arrive();
    for (const item of world.items) heir.want(item, false);
    await heir.arrive();
  });

  inWorld("whatever a foreign hand does is put right, by notifications alone", async (world) => {
    const keeper = await keeperIn(world);
    await keeper.settle();
    for (const [hand, act] of Object.entries(world.hands)) {
      for (const item of world.items) keeper.want(item, true);
      await keeper.settle();
      await act();
      await keeper.settle();
      await world.mend();
      await keeper.arrive(`after "${hand}"`);
    }
  });

  inWorld("what others do right before an operation on the same key is not lost", async (world) => {
    const keeper = await keeperIn(world);
    await keeper.settle();
    for (const [hand, act] of Object.entries(world.hands)) {
      for (const item of world.items) {
        keeper.want(item, true);
        await keeper.settle();
        keeper.want(item, false);
        await act();
        await keeper.pass();
        await world.mend();
        await keeper.arrive(`after "${hand}"`);
      }
    }
  });

  inWorld("what is hindered fails by its key, holds up nothing else, and is done when it can be", async (world) => {
    if (!world.hinder) return;
    const keeper = await keeperIn(world);
    await world.hinder.act();
    for (const item of world.items) keeper.want(item, true);
    await keeper.settle();
    const hindered = [...keeper.desired].filter(([, item]) => world.hinder?.hinders(item)).map(([key]) => key);
    assert.deepEqual([...keeper.failures()].sort(), hindered.sort());
    const others = [...keeper.desired.values()].filter((item) => !world.hinder?.hinders(item));
    const seen = new Set(world.seen());
    for (const item of others) assert.ok(seen.has(world.lineOf(item)), world.lineOf(item));
    await world.mend();
    await keeper.arrive();
  });

  test(`${name}: any history ends as desired`, { skip }, async (t) => {
    const step = fc.record({ kind: fc.constantFrom("want", "want", "drop", "hand", "pass"), pick: fc.nat(1_000) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (history) => {
        await live(await makeWorld(t), history);
      }),
      { numRuns: runs },
    );
  });

  if (!hasFaults) return;
  test(`${name}: faults only delay`, { skip }, async (t) => {
    const kinds = ["want", "want", "drop", "hand", "fault", "fault", "pass"] as const;
    const step = fc.record({ kind: fc.constantFrom(...kinds), pick: fc.nat(1_000) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 24 }), async (history) => {
        await live(await makeWorld(t), history);
      }),
      { numRuns: runs },
    );
  });
}

interface Step {
  readonly kind: "want" | "drop" | "hand" | "fault" | "pass";
  readonly pick: number;
}

/** Lives through a history, and sees that all is as desired when it has ended. */
async function live<V>(world: DriverWorld<V>, history: readonly Step[]): Promise<void> {
  try {
    const keeper = new Keeper(await world.newDriver(), world);
    await keeper.settle();
    const hands = Object.values(world.hands);
    for (const { kind, pick } of history) {
      const item = world.items[pick % world.items.length]!;
      if (kind === "want" || kind === "drop") keeper.want(item, kind === "want");
      else if (kind === "hand") await hands[pick % Math.max(hands.length, 1)]?.();
      else if (kind === "fault" && world.kernel.faults) faults[pick % faults.length]?.(world.kernel.faults);
      else await keeper.pass();
    }
    world.kernel.faults?.clear();
    await world.mend();
    if (history.some(({ kind }) => kind === "fault")) await keeper.refresh();
    await keeper.arrive();
  } finally {
    await world.close();
  }
}

const EEXIST = 17;
const ESRCH = 3;
const ENETUNREACH = 101;

const faults: readonly ((faults: KernelFaults) => void)[] = [
  (faults) => faults.refuse(EEXIST),
  (faults) => faults.refuse(ESRCH, 2),
  (faults) => faults.refuse(ENETUNREACH, 3),
  (faults) => faults.interruptDumps(2),
  (faults) => faults.interruptDumps(20),
  (faults) => faults.cutAnswers(2),
  (faults) => faults.loseAnswers(2),
  (faults) => faults.loseNotifications(2),
];
