/**
 * The IP-in-IP device. Mark: its name, which belongs to nobody else: a device of another kind under it makes way. Whatever
 * may be a change to it is looked at anew: the parts of a tunnel tell of it only together.
 *
 * Works in the blocking lane, as all that makes devices.
 */
import type { IpipLink } from "../../compile/node-state.ts";
import type { Subscription } from "../../kernel/rtnetlink-subscription.ts";
import type { Driver, DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { type DriverDeps, missingDevice } from "./deps.ts";
import type { IpipCarrier } from "./ipip-carrier.ts";
import { Observer } from "./observer.ts";
import { Serial } from "./serial.ts";

export class IpipLinkDriver implements Driver<IpipLink> {
  readonly name = "ipip links";
  readonly #deps: DriverDeps;
  readonly #carrier: IpipCarrier;
  readonly #serial = new Serial();
  readonly #observer = new Observer<IpipLink>(() => []);
  #subscription: Subscription | undefined;
  #stopListening = (): void => undefined;

  constructor(deps: DriverDeps, carrier: IpipCarrier) {
    this.#deps = deps;
    this.#carrier = carrier;
  }

  readOwned(): Promise<ReadonlyMap<string, IpipLink>> {
    return this.#serial.run(async () => {
      await this.#deps.links.current();
      return this.#observer.reading(async (found) => {
        const link = await this.#carrier.read();
        if (link) found.set(link.name, link);
      });
    });
  }

  equal(desired: IpipLink, actual: IpipLink): boolean {
    return this.#carrier.equal(desired, actual);
  }

  apply(ops: readonly Op<IpipLink>[]): Promise<readonly Failure[]> {
    const { rtnetlink } = this.#deps;
    return this.#serial.run(() =>
      this.#observer.writing(
        rtnetlink.clock,
        () => this.#drain(),
        () => this.#apply(ops),
      ),
    );
  }

  #drain(): void {
    this.#deps.links.drain();
    this.#subscription?.drain();
  }

  async #apply(ops: readonly Op<IpipLink>[]): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    for (const op of ops) {
      const failure = await this.#applyOne(op);
      if (failure) failures.push(failure);
    }
    return failures;
  }

  async #applyOne(op: Op<IpipLink>): Promise<Failure | undefined> {
    const { key } = op;
    if (op.op === "remove") {
      const error = await this.#carrier.remove();
      return error && { key, error };
    }
    const parent = this.#deps.links.byName(op.value.parent);
    const error = parent ? await this.#carrier.make(op.value, parent) : missingDevice(op.value.parent);
    return error && this.#observer.waitFor(op.value.parent, { key, error });
  }

  watch(sink: DriverSink<IpipLink>): void {
    const { links, rtnetlink } = this.#deps;
    const observer = this.#observer;
    observer.attach(sink);
    this.#subscription = rtnetlink.subscribe(["trafficControl"], {
      event: (event) => {
        if (this.#carrier.isTouchedBy(event)) observer.resync("filters of the IP-in-IP device changed");
      },
      overrun: (reason) => observer.resync(reason),
    });
    this.#stopListening = links.listen({
      changed: (change) => {
        const names = [change.before?.name, change.after?.name];
        if (names.some((name) => name !== undefined && this.#carrier.concerns(name))) {
          observer.resync("a device of IP-in-IP changed");
        }
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
