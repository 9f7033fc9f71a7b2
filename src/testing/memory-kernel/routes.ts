/**
 * Routes of the memory kernel. Several may stand under one destination, table and metric, the first of them counts; adding,
 * replacing and removing find them as Linux does (fib_table_insert, fib_table_delete). What hangs on a device that goes
 * down, or loses its last address, goes without a word for IPv4, and with a notification for IPv6.
 */
import { isDeepStrictEqual } from "node:util";
import { formatPrefix } from "../../ip/prefix.ts";
import { Flag } from "../../netlink/message.ts";
import { AddressFamily, Group, NextHopFlag, RtmType, Scope } from "../../netlink/rtnetlink/codes.ts";
import { type Hop, type Route, routeBody, routeBodyOf, routeOf } from "../../netlink/rtnetlink/route.ts";
import type { MemoryAddresses } from "./addresses.ts";
import { type Asked, type Bus, type Shown, shown } from "./bus.ts";
import type { LinkWatcher, MemoryLinks } from "./links.ts";
import type { MemoryNexthops } from "./nexthops.ts";
import { Errno, Refusal } from "./refusal.ts";

interface Ground {
  readonly links: MemoryLinks;
  readonly addresses: MemoryAddresses;
  readonly nexthops: MemoryNexthops;
}

const IPV6_METRIC = 1_024;

export class MemoryRoutes implements LinkWatcher {
  readonly #bus: Bus;
  readonly #ground: Ground;
  /** By destination, table and metric. */
  readonly #byKey = new Map<string, Route[]>();

  constructor(bus: Bus, ground: Ground) {
    this.#bus = bus;
    this.#ground = ground;
    // Routes by nexthop object are not found by their device (fib_sync_down_dev).
    ground.addresses.removed = ({ index, address }, isLast) =>
      this.#dropWhere(
        ({ destination, source, hops }) =>
          typeof destination.address === "number" &&
          (source === address.address || (isLast && hops.some(({ device }) => device === index))),
      );
    ground.nexthops.removed = (id) => this.#dropWhere(({ nexthopId }) => nexthopId === id, { silently: true });
  }

  all(): readonly Route[] {
    return [...this.#byKey.values()].flat();
  }

  /** Hops as the kernel shows them: those of the object where the route uses one. */
  hopsOf(route: Route): readonly Hop[] {
    const object = route.nexthopId === undefined ? undefined : this.#ground.nexthops.get(route.nexthopId);
    if (!object) return route.hops;
    return [
      {
        ...(object.device === undefined ? {} : { device: object.device }),
        ...(object.gateway === undefined ? {} : { gateway: object.gateway }),
        flags: object.onlink === true ? NextHopFlag.onlink : 0,
      },
    ];
  }

  request({ type, flags, payload, port }: Asked): void {
    const asked = routeOf(routeBody.decode(payload));
    if (!asked) throw new Refusal(Errno.EINVAL);
    const isIpv6 = typeof asked.destination.address === "bigint";
    const route = { ...asked, flags: 0, metric: isIpv6 && asked.metric === 0 ? IPV6_METRIC : asked.metric };
    if (type === RtmType.deleteRoute) this.#delete(route, port);
    else {
      this.#check(route);
      this.#insert(route, flags, port);
    }
  }

  #check(route: Route): void {
    const { links, addresses, nexthops } = this.#ground;
    if (route.nexthopId !== undefined && !nexthops.get(route.nexthopId)) {
      throw new Refusal(Errno.EINVAL, "Nexthop id does not exist");
    }
    if (route.type !== "unicast") return;
    if (route.nexthopId === undefined && route.hops.length === 0) throw new Refusal(Errno.ENODEV);
    for (const { device, gateway, flags = 0 } of route.hops) {
      const link = links.expect(device ?? 0);
      if (!link.up) throw new Refusal(Errno.ENETDOWN, "Nexthop device is not up");
      if (gateway === undefined || (flags & NextHopFlag.onlink) !== 0) continue;
      if (!addresses.isOnLink(link.index, gateway)) {
        throw new Refusal(Errno.ENETUNREACH, "Nexthop has invalid gateway");
      }
    }
  }

  #insert(route: Route, flags: number, port: number): void {
    const key = keyOf(route);
    const there = this.#byKey.get(key) ?? [];
    const match = there.find((other) => isDeepStrictEqual(other, route));
    const [first] = there;
    if (!first) {
      if ((flags & Flag.create) === 0) throw new Refusal(Errno.ENOENT);
      this.#byKey.set(key, [route]);
      this.#told(route, RtmType.newRoute, { port, flags: Flag.create });
    } else if ((flags & Flag.exclusive) !== 0) throw new Refusal(Errno.EEXIST);
    else if ((flags & Flag.replace) !== 0) {
      if (match && match !== first) throw new Refusal(Errno.EEXIST);
      if (match) return;
      this.#byKey.set(key, typeof route.destination.address === "bigint" ? [route] : [route, ...there.slice(1)]);
      this.#told(route, RtmType.newRoute, { port, flags: Flag.replace });
    } else {
      if (match) throw new Refusal(Errno.EEXIST);
      const isAppended = (flags & Flag.append) !== 0;
      this.#byKey.set(key, isAppended ? [...there, route] : [route, ...there]);
      this.#told(route, RtmType.newRoute, { port, flags: isAppended ? Flag.create | Flag.append : Flag.create });
    }
  }

  #delete(asked: Route, port: number): void {
    const found = this.all()
      .filter((route) => placeOf(route) === placeOf(asked) && matches(route, asked))
      .sort((a, b) => a.metric - b.metric)[0];
    if (!found) throw new Refusal(Errno.ESRCH);
    this.#drop(found);
    this.#told(found, RtmType.deleteRoute, { port });
  }

  list(payload: Uint8Array): readonly Shown[] {
    const { header, attributes } = routeBody.decode(payload);
    return this.all()
      .filter((route) => {
        const family = typeof route.destination.address === "number" ? AddressFamily.ipv4 : AddressFamily.ipv6;
        const { device } = attributes;
        return (
          (header.family === 0 || header.family === family) &&
          (attributes.table === undefined || attributes.table === route.table) &&
          (header.protocol === 0 || header.protocol === route.protocol) &&
          (device === undefined || this.hopsOf(route).some((hop) => hop.device === device))
        );
      })
      .map((route) => this.#shown(route, RtmType.newRoute, 0));
  }

  wentDown(index: number): void {
    this.#dropWhere((route) => {
      const hops = this.hopsOf(route);
      return hops.length > 0 && hops.every(({ device }) => device === index);
    });
  }

  cameUp(): void {}

  lostCarrier(): void {}

  gone(index: number): void {
    this.wentDown(index);
  }

  #dropWhere(isDoomed: (route: Route) => boolean, { silently = false } = {}): void {
    for (const route of this.all()) {
      if (!isDoomed(route)) continue;
      this.#drop(route);
      if (silently || typeof route.destination.address === "number") continue;
      this.#told(route, RtmType.deleteRoute, { port: 0 });
    }
  }

  #drop(route: Route): void {
    const key = keyOf(route);
    const left = (this.#byKey.get(key) ?? []).filter((other) => other !== route);
    if (left.length === 0) this.#byKey.delete(key);
    else this.#byKey.set(key, left);
  }

  #told(route: Route, type: number, { port, flags = 0 }: { readonly port: number; readonly flags?: number }): void {
    const group = typeof route.destination.address === "number" ? Group.ipv4Route : Group.ipv6Route;
    this.#bus.notify(group, this.#shown(route, type, flags), port);
  }

  #shown(route: Route, type: number, flags: number): Shown {
    const { nexthopId, ...plain } = route;
    const { header, attributes } = routeBodyOf({ ...plain, hops: this.hopsOf(route) });
    return shown(type, routeBody, { header, attributes: { ...attributes, nexthopId } }, flags);
  }
}

const placeOf = ({ destination, table }: Route): string => `${formatPrefix(destination)} ${table}`;
const keyOf = (route: Route): string => `${placeOf(route)} ${route.metric}`;

/** Whether a removal means this route: what it leaves out matches anything. */
function matches(route: Route, asked: Route): boolean {
  const isIpv6 = typeof route.destination.address === "bigint";
  const [hop] = asked.hops;
  const [own] = route.hops;
  return (
    (asked.metric === 0 || asked.metric === route.metric) &&
    (asked.type === "other" || asked.type === route.type || isIpv6) &&
    (asked.protocol === 0 || asked.protocol === route.protocol) &&
    (isIpv6 || asked.scope === Scope.nowhere || asked.scope === route.scope) &&
    (asked.nexthopId === undefined
      ? hop === undefined ||
        (route.nexthopId === undefined &&
          (hop.device === undefined || hop.device === own?.device) &&
          (hop.gateway === undefined || hop.gateway === own?.gateway))
      : asked.nexthopId === route.nexthopId)
  );
}
