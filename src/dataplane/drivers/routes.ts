/**
 * Routes. Mark: `owns` (the ownership table: device, or protocol inside a pool); any other route is somebody's and never
 * touched, save one that stands under a key that is wanted, which is replaced.
 *
 * From `NEXTHOP_OBJECTS_FROM` routes on, those with a gateway share nexthop objects; below it they are written plain, as people
 * know them from `ip route`. Which of the two a route uses is no difference: it is rewritten only when something else is.
 */
import { describeRoute } from "../../compile/describe.ts";
import { devicesOfRoute } from "../../compile/item-devices.ts";
import { type RouteItem, routeKey } from "../../compile/node-state.ts";
import type { LinkChanged } from "../../kernel/link-table.ts";
import { NexthopObjects } from "../../kernel/nexthop-objects.ts";
import { nexthops, routes } from "../../kernel/rtnetlink-dumps.ts";
import type { Subscription } from "../../kernel/rtnetlink-subscription.ts";
import type { Address } from "../../netlink/rtnetlink/address.ts";
import { RouteProtocol } from "../../netlink/rtnetlink/codes.ts";
import type { RtnetlinkEvent } from "../../netlink/rtnetlink/event.ts";
import type { Route } from "../../netlink/rtnetlink/route.ts";
import type { Driver, DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { type DriverDeps, nameLost } from "./deps.ts";
import { KeyPrints } from "./key-prints.ts";
import { type Collection, Observer } from "./observer.ts";
import { isSameRoute, itemOfRoute } from "./route-items.ts";
import { RouteWriter } from "./route-writer.ts";
import { Serial } from "./serial.ts";

/** From so many routes on, gateways are shared as nexthop objects (kernel notes: distinct gateways are the cost). */
export const NEXTHOP_OBJECTS_FROM = 512;

/** Operations that are prepared, sent and accounted for together: each step takes a millisecond or two. */
const PART = 2_048;

export interface RouteDriverOptions {
  /** Whether a route that was found is ours. */
  readonly owns: (route: RouteItem) => boolean;
  /** Routes from which on gateways are shared; `NEXTHOP_OBJECTS_FROM` when left out. */
  readonly nexthopObjectsFrom?: number;
}

export class RouteDriver implements Driver<RouteItem> {
  readonly name = "routes";
  readonly #deps: DriverDeps;
  readonly #owns: (route: RouteItem) => boolean;
  readonly #nexthopObjectsFrom: number;
  readonly #serial = new Serial();
  readonly #objects = new NexthopObjects();
  readonly #observer = new Observer<RouteItem>(devicesOfRoute);
  /** Keys under which a route of ours stands. */
  readonly #held = new KeyPrints();
  /** Where one stands behind another under the same key, which only others bring about: those of them that are ours. */
  readonly #several = new Map<string, readonly Route[]>();
  readonly #writer: RouteWriter;
  #subscription: Subscription | undefined;
  /** Whether a route ever named a source. */
  #usesSources = false;
  /** Additions by others that were reported. */
  #reported = 0;
  /** What was reported is being taken in: there may be more behind it. */
  #isTakingIn = false;
  #stopListening = (): void => undefined;

  constructor(deps: DriverDeps, options: RouteDriverOptions) {
    this.#deps = deps;
    this.#owns = options.owns;
    this.#nexthopObjectsFrom = options.nexthopObjectsFrom ?? NEXTHOP_OBJECTS_FROM;
    this.#writer = new RouteWriter(deps, {
      objects: this.#objects,
      several: this.#several,
      held: this.#held,
      observer: this.#observer,
    });
  }

  readOwned(): Promise<ReadonlyMap<string, RouteItem>> {
    return this.#serial.run(async () => {
      await this.#deps.links.current();
      this.#subscription?.drain();
      return this.#observer.reading((found) => this.#read(found));
    });
  }

  async #read(found: Collection<RouteItem>): Promise<void> {
    const { rtnetlink } = this.#deps;
    const objects = await rtnetlink.dump(nexthops());
    let previous: Route | undefined;
    await rtnetlink.dumpEach(routes(), {
      restart: () => {
        previous = undefined;
        found.clear();
        this.#several.clear();
        this.#held.clear();
        this.#objects.read(objects);
      },
      visit: (route) => {
        // The kernel lists those of one key together, the one that counts first.
        const before = previous !== undefined && sharesKey(previous, route) ? previous : undefined;
        previous = route;
        this.#found(route, before, found);
      },
    });
    this.#subscription?.drain();
  }

  /** Takes in a route that was listed, behind another of the same key or not. */
  #found(route: Route, before: Route | undefined, found: Collection<RouteItem>): void {
    if (route.nexthopId !== undefined) this.#objects.used(route.nexthopId, route.mtu ?? 0);
    const item = this.#itemOf(route);
    if (!item || !this.#owns(item)) return;
    const key = routeKey(item);
    this.#held.add(key);
    this.#usesSources ||= item.source !== undefined;
    const isCarried = route.nexthopId === undefined;
    if (!before) {
      found.set(key, item, isCarried);
      return;
    }
    const known = this.#several.get(key) ?? (found.items.has(key) ? [before] : []);
    this.#several.set(key, [...known, route]);
    // A type that is never desired: what stands behind another must go, and what stands before it is put right.
    found.set(key, { ...item, type: "other" }, isCarried);
  }

  #itemOf(route: Route): RouteItem | undefined {
    const { links } = this.#deps;
    return itemOfRoute(this.#resolved(route), (index) => links.byIndex(index)?.name ?? `if${index}`);
  }

  /** With the next hop that its object stands for, where the kernel shows the id alone (`nexthop_compat_mode` 0). */
  #resolved(route: Route): Route {
    if (route.nexthopId === undefined || route.hops.length > 0) return route;
    const hop = this.#objects.hopOf(route.nexthopId);
    return hop ? { ...route, hops: [{ device: hop.device, gateway: hop.gateway, flags: hop.onlink ? 4 : 0 }] } : route;
  }

  equal(desired: RouteItem, actual: RouteItem): boolean {
    return isSameRoute(desired, actual);
  }

  apply(ops: readonly Op<RouteItem>[]): Promise<readonly Failure[]> {
    const { links, rtnetlink } = this.#deps;
    const drain = () => {
      links.drain();
      this.#subscription?.drain();
    };
    return this.#serial.run(() => this.#observer.writing(rtnetlink.clock, drain, () => this.#apply(ops), ops));
  }

  async #apply(ops: readonly Op<RouteItem>[]): Promise<readonly Failure[]> {
    this.#usesSources ||= ops.some((op) => op.op !== "remove" && op.value.source !== undefined);
    const wantsObjects = this.#held.size + ops.length >= this.#nexthopObjectsFrom;
    const failures: Failure[] = [];
    let before: Promise<readonly Failure[]> | undefined;
    for (let from = 0; from < ops.length; from += PART) {
      const part = ops.length <= PART ? ops : ops.slice(from, from + PART);
      // While the kernel works on one part, the next is prepared.
      const now = this.#writer.write(part, wantsObjects);
      // It is awaited below; until then a failure of the one before must not leave it unheard.
      now.catch(() => undefined);
      if (before) failures.push(...(await before));
      before = now;
    }
    if (before) failures.push(...(await before));
    await this.#deps.rtnetlink.executeMany(this.#objects.takeUnused());
    // What others have done until now is known before the owner takes in the outcome.
    this.#subscription?.drain();
    return failures;
  }

  watch(sink: DriverSink<RouteItem>): void {
    const { rtnetlink, links } = this.#deps;
    this.#observer.attach(sink);
    this.#subscription = rtnetlink.subscribe(
      ["ipv4Route", "ipv6Route", "nexthop", "ipv4Address"],
      { event: (event) => this.#event(event), overrun: (reason) => this.#observer.resync(reason) },
      { exceptOwn: true },
    );
    this.#stopListening = links.listen({
      changed: (change) => this.#linkChanged(change),
      lost: (reason) => this.#observer.resync(reason),
    });
  }

  #event(event: RtnetlinkEvent): void {
    if (isAddition(event)) this.#reported++;
    this.#isTakingIn = true;
    this.#deps.links.drain();
    this.#isTakingIn = false;
    if (event.type === "route") this.#routeEvent(event);
    else if (event.type === "address" && event.isGone) this.#addressGone(event.address);
    else if (event.type === "nexthop" && NexthopObjects.isOurs(event.nexthop.id)) {
      // Its routes go with it, or lead elsewhere, and the kernel does not say which.
      this.#observer.resync(`nexthop object ${event.nexthop.id} was ${event.isGone ? "removed" : "changed"}`);
    }
  }

  #routeEvent({ route, isGone, place }: Extract<RtnetlinkEvent, { type: "route" }>): void {
    // A new subnet on a device may hold the gateway that could not be reached.
    if (!isGone && route.protocol === RouteProtocol.kernel) {
      for (const { device } of route.hops) {
        const name = device === undefined ? undefined : this.#deps.links.byIndex(device)?.name;
        if (name !== undefined) this.#observer.retry(name);
      }
    }
    const item = this.#itemOf(route);
    if (!item) return;
    const key = routeKey(item);
    const isHeld = this.#held.has(key);
    if (!this.#owns(item)) {
      if (!isGone && isHeld) this.#observer.absent(key, describeRoute(item));
    } else if (isGone) this.#observer.absent(key);
    else if (place === "appended" || (place === "first" && isHeld)) {
      this.#observer.resync(`several routes stand under ${key}`);
    } else {
      this.#held.add(key);
      this.#observer.present(key, item, route.nexthopId === undefined);
    }
  }

  /**
   * With the last IPv4 address of a device go its routes, and with any address those that name it as their source, both in
   * silence (fib_disable_ip, fib_sync_down_addr).
   */
  #addressGone({ index }: Address): void {
    const device = this.#deps.links.byIndex(index)?.name;
    if (device === undefined || !(this.#observer.carries(device) || this.#usesSources)) return;
    this.#observer.resync(`an address of device ${device} went, and routes may have gone with it`);
  }

  #linkChanged(change: LinkChanged): void {
    const { before, after } = change;
    const lost = nameLost(change) ?? (before?.up && after && !after.up ? before.name : undefined);
    if (lost !== undefined) this.#deviceLost(lost);
    // An object does not outlive even the loss of the carrier, and its routes go with it.
    if (before && (lost !== undefined || (before.running && !after?.running)) && this.#objects.isOn(before.index)) {
      this.#observer.resync(`device ${before.name} took its nexthop objects with it`);
    }
    this.#observer.deviceChanged(change);
  }

  /** Links and routes are reported by two sockets, whose order is lost, and the kernel drops a device's routes in silence. */
  #deviceLost(name: string): void {
    const before = this.#reported;
    this.#subscription?.drain();
    this.#observer.deviceLost(name, (key) => this.#held.delete(key));
    if (this.#isTakingIn || this.#reported > before)
      this.#observer.resync(`routes were reported while device ${name} went`);
  }

  close(): void {
    this.#observer.close();
    this.#subscription?.close();
    this.#stopListening();
  }
}

/** What a device may take away in silence: an IPv4 route that is not the kernel's own. */
const isAddition = (event: RtnetlinkEvent): boolean =>
  event.type === "route" &&
  !event.isGone &&
  typeof event.route.destination.address === "number" &&
  event.route.protocol !== RouteProtocol.kernel;

const sharesKey = (a: Route, b: Route): boolean =>
  a.destination.address === b.destination.address &&
  a.destination.length === b.destination.length &&
  a.table === b.table &&
  a.metric === b.metric;
