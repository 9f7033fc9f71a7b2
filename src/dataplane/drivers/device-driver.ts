/**
 * What addresses, neighbours and forwarding entries have in common: objects of the kernel that hang on one device of
 * ours, one message each. The table `DeviceObjects` says how a kind differs from the others.
 */
import type { DumpOf } from "../../kernel/rtnetlink-dumps.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import type { Subscription } from "../../kernel/rtnetlink-subscription.ts";
import type { GroupName } from "../../netlink/rtnetlink/codes.ts";
import type { RtnetlinkEvent } from "../../netlink/rtnetlink/event.ts";
import type { IfIndex } from "../../netlink/rtnetlink/link.ts";
import type { Driver, DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { type DriverDeps, failureOf, itemOf as itemOfOp, missingDevice, nameLost } from "./deps.ts";
import { type Collection, Observer } from "./observer.ts";
import { Serial } from "./serial.ts";

/** One kind of object: `V` as the node state has it, `K` as the kernel shows it. */
export interface DeviceObjects<V, K> {
  readonly name: string;
  /** Whether devices of this name carry objects of ours. */
  readonly isOurs: (device: string) => boolean;
  readonly keyOf: (item: V) => string;
  /** Dumps that together have what these devices carry; others' objects among it are passed over. */
  readonly lists: (devices: readonly IfIndex[]) => readonly DumpOf<K>[];
  readonly groups: readonly GroupName[];
  /** The object in a notification; undefined when it is about something else. */
  readonly objectIn: (event: RtnetlinkEvent) => K | undefined;
  /** Whether an object on a device of ours is ours. */
  readonly bearsMark: (object: K) => boolean;
  readonly itemOf: (object: K, device: string) => V;
  readonly equal: (desired: V, actual: V) => boolean;
  /** Adds, or replaces what was there. */
  readonly set: (item: V, index: IfIndex) => Request;
  readonly unset: (item: V, index: IfIndex) => Request;
}

export class DeviceDriver<V extends { readonly device: string }, K extends { readonly index: IfIndex }>
  implements Driver<V>
{
  readonly name: string;
  readonly #deps: DriverDeps;
  readonly #kind: DeviceObjects<V, K>;
  readonly #serial = new Serial();
  readonly #observer = new Observer<V>((item) => [item.device]);
  #subscription: Subscription | undefined;
  #stopListening = (): void => undefined;

  constructor(deps: DriverDeps, kind: DeviceObjects<V, K>) {
    this.name = kind.name;
    this.#deps = deps;
    this.#kind = kind;
  }

  readOwned(): Promise<ReadonlyMap<string, V>> {
    return this.#serial.run(async () => {
      await this.#deps.links.current();
      this.#subscription?.drain();
      return this.#observer.reading((found) => this.#read(found));
    });
  }

  async #read(found: Collection<V>): Promise<void> {
    const { links, rtnetlink } = this.#deps;
    const { isOurs, lists, bearsMark, itemOf, keyOf } = this.#kind;
    const ours = new Map([...links.all()].filter(({ name }) => isOurs(name)).map(({ name, index }) => [index, name]));
    for (const list of lists([...ours.keys()])) {
      const items = await rtnetlink.dump(list, (object) => {
        const device = ours.get(object.index);
        return device !== undefined && bearsMark(object) ? itemOf(object, device) : undefined;
      });
      for (const item of items) found.set(keyOf(item), item);
    }
    this.#subscription?.drain();
  }

  equal(desired: V, actual: V): boolean {
    return this.#kind.equal(desired, actual);
  }

  apply(ops: readonly Op<V>[]): Promise<readonly Failure[]> {
    const drain = () => {
      this.#deps.links.drain();
      this.#subscription?.drain();
    };
    return this.#serial.run(() => this.#observer.writing(this.#deps.rtnetlink.clock, drain, () => this.#apply(ops)));
  }

  async #apply(ops: readonly Op<V>[]): Promise<readonly Failure[]> {
    const { links, rtnetlink } = this.#deps;
    const failures: Failure[] = [];
    const sent: Op<V>[] = [];
    const requests: Request[] = [];
    for (const op of ops) {
      const item = itemOfOp(op);
      const link = links.byName(item.device);
      if (link) {
        sent.push(op);
        requests.push(op.op === "remove" ? this.#kind.unset(item, link.index) : this.#kind.set(item, link.index));
      } else if (op.op === "remove") this.#observer.applied(op);
      else failures.push(this.#observer.waitFor(item.device, { key: op.key, error: missingDevice(item.device) }));
    }
    const outcomes = await rtnetlink.executeMany(requests);
    for (const [index, op] of sent.entries()) {
      const error = failureOf(op, outcomes[index]);
      if (error) failures.push(this.#observer.waitFor(itemOfOp(op).device, { key: op.key, error }));
      else this.#observer.applied(op);
    }
    return failures;
  }

  watch(sink: DriverSink<V>): void {
    const { rtnetlink, links } = this.#deps;
    const { groups, objectIn, isOurs, bearsMark, itemOf, keyOf } = this.#kind;
    const observer = this.#observer;
    observer.attach(sink);
    this.#subscription = rtnetlink.subscribe(groups, {
      event: (event) => {
        const object = objectIn(event);
        if (!object) return;
        links.drain();
        const device = links.byIndex(object.index)?.name;
        if (device === undefined || !isOurs(device)) return;
        const item = itemOf(object, device);
        // What lost its mark under a key of ours is not ours any more.
        if (event.isGone || !bearsMark(object)) observer.absent(keyOf(item));
        else observer.present(keyOf(item), item);
      },
      overrun: (reason) => observer.resync(reason),
    });
    this.#stopListening = links.listen({
      changed: (change) => {
        const lost = nameLost(change);
        if (lost !== undefined) observer.deviceLost(lost);
        observer.deviceChanged(change);
      },
      lost: (reason) => observer.resync(reason),
    });
  }

  close(): void {
    this.#observer.close();
    this.#subscription?.close();
    this.#stopListening();
  }
}
