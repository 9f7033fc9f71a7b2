/**
 * The ways that routes go, and what the kernel has to be asked and given before one is written: on which device a gateway is,
 * and, where routes are many, a nexthop object.
 */
import type { BestChange } from "../../bgp/rib/types.ts";
import { formatAddress, type IpAddress } from "../../ip/address.ts";
import { AddressMap } from "../../ip/address-map.ts";
import { gatewayDevices } from "../../kernel/gateway-devices.ts";
import { NexthopObjects } from "../../kernel/nexthop-objects.ts";
import type { Rtnetlink } from "../../kernel/rtnetlink.ts";
import { nexthops } from "../../kernel/rtnetlink-dumps.ts";
import { RouteProtocol } from "../../netlink/rtnetlink/codes.ts";
import type { IfIndex } from "../../netlink/rtnetlink/link.ts";
import type { Route } from "../../netlink/rtnetlink/route.ts";
import type { KernelError } from "../../port/netlink.ts";
import { type Entry, Way } from "./way.ts";

/** No metrics are written: all routes of a gateway can share its object. */
const NO_MTU = 0;

export class Ways {
  readonly #rtnetlink: Rtnetlink;
  readonly #objects = new NexthopObjects(RouteProtocol.bgp);
  readonly #single = new AddressMap<Way>();
  /** By their gateways as text. */
  readonly #several = new Map<string, Way>();
  /** That lost their last route. */
  readonly #idle = new Set<Way>();
  /** Routes of an earlier run use objects. */
  #isInherited = false;

  constructor(rtnetlink: Rtnetlink) {
    this.#rtnetlink = rtnetlink;
  }

  /** Takes in the objects that an earlier run has left. Throws KernelError. */
  async start(): Promise<void> {
    this.#objects.read(await this.#rtnetlink.dump(nexthops()));
  }

  /** A route that an earlier run has left: its object stays for now. */
  found({ nexthopId, mtu = NO_MTU }: Route): void {
    if (nexthopId === undefined) return;
    this.#objects.used(nexthopId, mtu);
    this.#isInherited = true;
  }

  *all(): Generator<Way> {
    yield* this.#single.values();
    yield* this.#several.values();
  }

  /** The way of these routes, one at least; it has one route more from now on. */
  join(best: BestChange["routes"]): Way {
    const [first] = best;
    const way = best.length === 1 && first ? this.#wayBy(first.attributes.nextHop) : this.#wayByAll(best);
    way.routes++;
    return way;
  }

  #wayBy(gateway: IpAddress): Way {
    return known(this.#single, gateway, () => [gateway]);
  }

  #wayByAll(best: BestChange["routes"]): Way {
    const gateways = best.map(({ attributes }) => attributes.nextHop);
    return known(this.#several, textOf(gateways), () => gateways);
  }

  /** It has one route less. */
  leave(way: Way): void {
    if (--way.routes === 0) this.#idle.add(way);
  }

  /** Makes the ways of these ready to be written. `wantsObjects`: gateways are shared as nexthop objects. */
  async prepare(entries: readonly Entry[], wantsObjects: boolean): Promise<void> {
    const unknown = new Set<Way>();
    const unshared = new Set<Way>();
    for (const { way } of entries) {
      if (!way) continue;
      if (way.footing === "unknown") unknown.add(way);
      if (wantsObjects && !way.isShared) unshared.add(way);
    }
    if (unknown.size > 0) await this.#ask([...unknown]);
    if (unshared.size > 0) await this.#share([...unshared]);
  }

  async #ask(ways: readonly Way[]): Promise<void> {
    const found = await gatewayDevices(
      this.#rtnetlink.channel,
      ways.flatMap(({ gateways }) => gateways),
    );
    let at = 0;
    for (const way of ways) {
      const devices = found.slice(at, at + way.gateways.length);
      at += way.gateways.length;
      if (way.nexthopId !== 0 && devices[0] !== way.devices[0]) this.#drop(way);
      way.devices = devices;
      way.footing = devices.includes(undefined) ? "doubtful" : "open";
    }
  }

  async #share(ways: readonly Way[]): Promise<void> {
    const byId = new Map<number, Way>();
    for (const way of ways) {
      way.isShared = true;
      const [gateway] = way.gateways;
      const [device] = way.devices;
      if (way.gateways.length > 1 || gateway === undefined || device === undefined || way.nexthopId !== 0) continue;
      const hop = { gateway, device, onlink: false, protocol: RouteProtocol.bgp };
      const id = this.#objects.idFor(hop, NO_MTU);
      if (id !== 0) byId.set(id, way);
    }
    await this.#objects.make(this.#rtnetlink);
    for (const [id, way] of byId) if (this.#objects.isMade(id)) way.nexthopId = id;
  }

  /** The object is of no use: routes are written plain until more is known. */
  forgo(way: Way, id: number): void {
    if (way.nexthopId !== id) return;
    this.#objects.lost(id);
    way.nexthopId = 0;
  }

  #drop(way: Way): void {
    this.#objects.unused(way.nexthopId);
    way.nexthopId = 0;
  }

  /** The device may have taken the routes of these ways with it, and their objects. */
  lostOn(device: IfIndex, withObjects: boolean): ReadonlySet<Way> {
    return this.#lost((way) => way.devices.includes(device), withObjects);
  }

  /** Somebody has removed the object with this id, or made another of it. */
  lostObject(id: number): ReadonlySet<Way> {
    return NexthopObjects.isOurs(id) ? this.#lost(({ nexthopId }) => nexthopId === id, true) : new Set();
  }

  /** Nobody knows of which. An object that is gone is found out by the routes that name it. */
  lostAll(): ReadonlySet<Way> {
    return this.#lost(() => true, false);
  }

  #lost(isLost: (way: Way) => boolean, withObjects: boolean): ReadonlySet<Way> {
    const lost = new Set<Way>();
    for (const way of this.all()) {
      if (!isLost(way)) continue;
      way.forget();
      if (withObjects) this.forgo(way, way.nexthopId);
      lost.add(way);
    }
    return lost;
  }

  /**
   * Forgets ways that have no routes, now that the kernel has none of them either, and removes objects that nobody uses; with
   * `isSettled` those too that an earlier run has left. Answers what failed.
   */
  async tidy(isSettled: boolean): Promise<readonly KernelError[]> {
    if (isSettled && this.#isInherited) {
      this.#isInherited = false;
      this.#objects.unusedBut(new Set(Array.from(this.all(), ({ nexthopId }) => nexthopId)));
    }
    for (const way of this.#idle) if (way.routes === 0) this.#forget(way);
    this.#idle.clear();
    const outcomes = await this.#rtnetlink.executeMany(this.#objects.takeUnused());
    return outcomes.filter((error) => error !== undefined && error.errno !== "ENOENT") as KernelError[];
  }

  #forget(way: Way): void {
    if (way.nexthopId !== 0) this.#drop(way);
    const [first] = way.gateways;
    if (way.gateways.length === 1 && first !== undefined) this.#single.delete(first);
    else this.#several.delete(textOf(way.gateways));
  }
}

const textOf = (gateways: readonly IpAddress[]): string => gateways.map(formatAddress).join();

interface Known<K> {
  get(key: K): Way | undefined;
  set(key: K, way: Way): unknown;
}

function known<K>(ways: Known<K>, key: K, gateways: () => readonly IpAddress[]): Way {
  const before = ways.get(key);
  if (before) return before;
  const way = new Way(gateways());
  ways.set(key, way);
  return way;
}
