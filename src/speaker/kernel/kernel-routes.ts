/**
 * Learned routes in the main table of the kernel, for a speaker that runs alone. Mark: protocol `bgp` (186), which nobody else's
 * routes may have here; routes that an earlier run left stay until this one knows what it wants, so that a restart drops nothing.
 *
 *     changed ─▶ queue ─▶ their ways are prepared ─▶ written on another thread ─▶ outcome
 *                  ▲       (while the part before is written)                        │
 *                  └──── later, or when a device took them ◀─── parked ◀── refused ──┘
 *
 * From `OBJECTS_FROM` routes on, gateways are shared as nexthop objects; below it routes are written plain, as people know them
 * from `ip route`. Which of the two a route uses is no difference.
 */
import type { BestChange } from "../../bgp/rib/types.ts";
import { type PrefixCode, prefixCode } from "../../ip/prefix-code.ts";
import type { Batch, Failures } from "../../kernel/lane.ts";
import type { Rtnetlink } from "../../kernel/rtnetlink.ts";
import { routes } from "../../kernel/rtnetlink-dumps.ts";
import { aboutRequest } from "../../kernel/rtnetlink-subject.ts";
import { TurnBudget } from "../../kernel/turn-budget.ts";
import { RouteProtocol, RouteTable } from "../../netlink/rtnetlink/codes.ts";
import type { Log } from "../../port/log.ts";
import type { KernelError } from "../../port/netlink.ts";
import { Entries } from "./entries.ts";
import { Losses } from "./losses.ts";
import { refuse, sift } from "./part.ts";
import { Refusals } from "./refusals.ts";
import { Retry } from "./retry.ts";
import { RouteOctets, requestOf } from "./route-octets.ts";
import { Entry, type Way } from "./way.ts";
import { Ways } from "./ways.ts";

const OBJECTS_FROM = 512;
/** Routes that go to the kernel together: it takes 4 ms for them, and a loop that learns more comes back after 5 or more. */
const PART = 2_048;
/** Looked at between two looks at the clock. */
const ENTRIES = 4_096;

export class KernelRoutes {
  readonly #rtnetlink: Rtnetlink;
  readonly #log: Log;
  readonly #ways: Ways;
  readonly #losses: Losses;
  readonly #retry: Retry;
  readonly #octets = new RouteOctets();
  /** What is wanted, or not out of the kernel yet. */
  readonly #entries = new Entries();
  /** Found at the start, and not told again yet. */
  readonly #unclaimed = new Set<PrefixCode>();
  readonly #queue: Entry[] = [];
  /** Of the queue, those at its begin that are not in it any more. */
  #taken = 0;
  /** What an earlier run left is no longer waited for. */
  #isSettled = false;
  #working: Promise<void> | undefined;

  constructor(rtnetlink: Rtnetlink, log: Log) {
    this.#rtnetlink = rtnetlink;
    this.#log = log;
    this.#ways = new Ways(rtnetlink);
    this.#retry = new Retry(rtnetlink.clock, () => this.#unpark());
    this.#losses = new Losses(rtnetlink, {
      lostOn: (device, withObjects) => void this.#rewrite(this.#ways.lostOn(device, withObjects)),
      lostObject: (id) => void this.#rewrite(this.#ways.lostObject(id)),
      lostAll: (reason) => {
        this.#log.warn("all learned routes are written again", { reason });
        void this.#rewrite(this.#ways.lostAll());
      },
      came: () => this.#retry.soon(),
    });
  }

  /** Reads what an earlier run has left; whether there is something. Throws KernelError. */
  async start(): Promise<boolean> {
    this.#losses.start();
    await this.#ways.start();
    for (const route of await this.#rtnetlink.dump(routes({ table: RouteTable.main, protocol: RouteProtocol.bgp }))) {
      this.#ways.found(route);
      this.#unclaimed.add(prefixCode(route.destination));
    }
    return this.#unclaimed.size > 0;
  }

  changed(changes: readonly BestChange[]): void {
    for (const { prefix, routes: best } of changes) {
      const wasFound = this.#unclaimed.size > 0 && this.#unclaimed.delete(prefix);
      if (best.length > 0) this.#want(prefix, this.#ways.join(best));
      else if (wasFound || this.#entries.get(prefix)) this.#want(prefix, undefined);
    }
    this.#wake();
  }

  /** What an earlier run left and nobody has told again goes. */
  settled(): void {
    this.#isSettled = true;
    for (const prefix of this.#unclaimed) this.#want(prefix, undefined);
    this.#unclaimed.clear();
    this.#wake();
  }

  /** Takes all routes out again, and what was made for them. */
  async clear(): Promise<void> {
    this.#losses.close();
    this.#retry.stop();
    for (const entry of this.#entries.values()) {
      this.#turn(entry, undefined);
      this.#enqueue(entry);
    }
    this.settled();
    await this.#working;
  }

  #want(prefix: PrefixCode, way: Way | undefined): void {
    let entry = this.#entries.get(prefix);
    if (!entry) {
      entry = new Entry(prefix, way);
      this.#entries.add(entry);
    } else this.#turn(entry, way);
    this.#enqueue(entry);
  }

  #turn(entry: Entry, way: Way | undefined): void {
    if (entry.way) this.#ways.leave(entry.way);
    entry.way = way;
  }

  #enqueue(entry: Entry): void {
    if (entry.isQueued) return;
    entry.isQueued = true;
    this.#queue.push(entry);
  }

  #wake(): void {
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    let before: Promise<void> = Promise.resolve();
    do {
      // What comes in one turn is written together.
      await this.#rtnetlink.clock.yield();
      while (this.#isMore) {
        const taken = this.#take();
        await this.#ways.prepare(taken, this.#entries.size + this.#unclaimed.size >= OBJECTS_FROM);
        await before;
        before = this.#write(sift(taken, (entry) => this.#enqueue(entry)));
        if (!this.#isMore) await before;
      }
      await this.#tidy();
    } while (this.#isMore);
    this.#working = undefined;
  }

  get #isMore(): boolean {
    return this.#queue.length > this.#taken;
  }

  #take(): readonly Entry[] {
    const part = this.#queue.slice(this.#taken, this.#taken + PART);
    this.#taken += part.length;
    for (const entry of part) entry.isQueued = false;
    if (this.#taken * 2 >= this.#queue.length) {
      this.#queue.splice(0, this.#taken);
      this.#taken = 0;
    }
    return part;
  }

  async #write(part: readonly Entry[]): Promise<void> {
    const batch: Batch = {
      count: part.length,
      encode: (writer, index) => {
        const entry = part[index];
        if (entry) this.#octets.encode(writer, entry);
      },
      about: (index) => {
        const entry = part[index];
        return entry ? aboutRequest(requestOf(entry)) : { call: "write", subject: "route" };
      },
    };
    const failures = await this.#rtnetlink.channel.executeMany(batch, PART);
    this.#account(part, failures);
  }

  #account(part: readonly Entry[], failures: Failures): void {
    const refusals = new Refusals();
    for (let index = 0; index < part.length; index++) {
      const entry = part[index];
      const error = failures.size === 0 ? undefined : failures.get(index);
      if (!entry) continue;
      if (!entry.sent) this.#removed(entry, error, refusals);
      else if (error) this.#refused(entry, entry.sent, error, refusals);
      else if (entry.sent.footing === "doubtful") {
        entry.sent.footing = "open";
        this.#release(entry.sent);
      }
    }
    refusals.log(this.#log);
  }

  #removed(entry: Entry, error: KernelError | undefined, refusals: Refusals): void {
    if (error && error.errno !== "ESRCH") refusals.add(error);
    if (!entry.way && !entry.isQueued) this.#entries.delete(entry.prefix);
  }

  /** By an object it is tried again without. */
  #refused(entry: Entry, way: Way, error: KernelError, refusals: Refusals): void {
    if (entry.sentId !== 0) {
      this.#ways.forgo(way, entry.sentId);
      this.#enqueue(entry);
      return;
    }
    refuse(entry, way, error);
    refusals.add(error, way);
    this.#retry.later();
  }

  /** Nobody uses it now: ways without routes, objects without ways. */
  async #tidy(): Promise<void> {
    const [first, ...others] = await this.#ways.tidy(this.#isSettled);
    if (first) {
      this.#log.warn("nexthop objects could not be removed", { count: 1 + others.length, first: first.message });
    }
  }

  /** What waits on this way is written. */
  #release(way: Way): void {
    for (const entry of way.parked) if (entry.way === way) this.#enqueue(entry);
    way.parked.clear();
  }

  #unpark(): void {
    for (const way of this.#ways.all()) {
      if (way.parked.size === 0) continue;
      way.forget();
      this.#release(way);
    }
    this.#wake();
  }

  async #rewrite(lost: ReadonlySet<Way>): Promise<void> {
    if (lost.size === 0) return;
    const budget = new TurnBudget(this.#rtnetlink.clock);
    let seen = 0;
    for (const entry of this.#entries.values()) {
      if (entry.way && lost.has(entry.way)) this.#enqueue(entry);
      if (++seen % ENTRIES === 0 && budget.isSpent) await budget.rest();
    }
    this.#wake();
  }
}
