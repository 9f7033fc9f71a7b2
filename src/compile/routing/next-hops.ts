/**
 * Where a BGP next hop leads: the kernel's table, mirrored by notifications without our own routes, which follow from BGP
 * themselves. Next hops in use are kept with what they lead to, and a change of the table looks again only at those inside
 * the changed prefix.
 *
 *   kernel's routes ─▶ set, remove ─▶ next hops that lead elsewhere now ─▶ learned routes that use them
 *   learned routes ─▶ use, release, resolve
 *
 * No I/O; whoever owns it feeds it with the routes of the main table.
 */
import { isDeepStrictEqual } from "node:util";
import { type IpAddress, tryParseAddress } from "../../ip/address.ts";
import { type Prefix, prefixOf, tryParsePrefix } from "../../ip/prefix.ts";
import { type NextHop, type RouteItem, routeKey } from "../node-state.ts";
import { AddressRange } from "./address-range.ts";
import { PrefixTable } from "./prefix-table.ts";

/** Where a next hop leads: by these hops, or nowhere, and why. */
export type Resolution = { readonly hops: readonly NextHop[] } | { readonly unreachable: string };

export interface NextHopsOptions {
  /** Routes that say nothing of where next hops are: our own. */
  readonly leavesOut: (route: RouteItem) => boolean;
}

const TABLE_MAIN = 254;

export class NextHops {
  readonly #leavesOut: NextHopsOptions["leavesOut"];
  /** Routes by prefix, the one with the lowest metric first: it is what the kernel uses. */
  readonly #routes = new PrefixTable<readonly RouteItem[]>();
  readonly #used = new AddressRange<{ users: number; resolution: Resolution }>();

  constructor({ leavesOut }: NextHopsOptions) {
    this.#leavesOut = leavesOut;
  }

  /** A learned route uses the next hop; what it leads to now. */
  use(nextHop: IpAddress): Resolution {
    const known = this.#used.get(nextHop);
    if (known) {
      known.users++;
      return known.resolution;
    }
    const resolution = this.resolve(nextHop);
    this.#used.set(nextHop, { users: 1, resolution });
    return resolution;
  }

  /** One use less; the last one forgets the next hop. */
  release(nextHop: IpAddress): void {
    const known = this.#used.get(nextHop);
    if (known && --known.users === 0) this.#used.delete(nextHop);
  }

  resolve(nextHop: IpAddress): Resolution {
    return this.#used.get(nextHop)?.resolution ?? this.#lookup(nextHop);
  }

  /** The kernel holds the route now. Gives the next hops in use that lead elsewhere than before. */
  set(route: RouteItem): readonly IpAddress[] {
    return this.#change(route, (routes) => {
      const others = routes.filter((other) => routeKey(other) !== routeKey(route));
      return [...others, route].sort((a, b) => a.metric - b.metric);
    });
  }

  /** The kernel does not hold the route any more. */
  remove(route: Pick<RouteItem, "table" | "destination" | "metric">): readonly IpAddress[] {
    return this.#change(route, (routes) => routes.filter((other) => routeKey(other) !== routeKey(route)));
  }

  get inUse(): readonly IpAddress[] {
    return this.#used.keys();
  }

  isInUse(nextHop: IpAddress): boolean {
    return this.#used.get(nextHop) !== undefined;
  }

  /** What is left out changed: every next hop in use is looked at again. */
  reconsider(): readonly IpAddress[] {
    return this.#again(this.inUse);
  }

  #change(
    route: Pick<RouteItem, "table" | "destination">,
    change: (routes: readonly RouteItem[]) => readonly RouteItem[],
  ): readonly IpAddress[] {
    const prefix = prefixOfRoute(route.destination);
    if (route.table !== TABLE_MAIN || !prefix) return [];
    const routes = change(this.#routes.get(prefix) ?? []);
    if (routes.length === 0) this.#routes.delete(prefix);
    else this.#routes.set(prefix, routes);
    return this.#again(this.#used.within(prefix));
  }

  #again(nextHops: readonly IpAddress[]): readonly IpAddress[] {
    return nextHops.filter((nextHop) => {
      const known = this.#used.get(nextHop);
      const resolution = this.#lookup(nextHop);
      if (!known || isDeepStrictEqual(known.resolution, resolution)) return false;
      known.resolution = resolution;
      return true;
    });
  }

  #lookup(nextHop: IpAddress): Resolution {
    for (const routes of this.#routes.covering(nextHop)) {
      const route = routes.find((each) => !this.#leavesOut(each));
      if (route) return resolutionBy(route, nextHop);
    }
    return { unreachable: "no route leads to it" };
  }
}

/** The hops of the route itself; where they are on the link, the next hop is their gateway. */
function resolutionBy(route: RouteItem, nextHop: IpAddress): Resolution {
  if (route.type !== "unicast") return { unreachable: `the route to ${route.destination} is ${route.type}` };
  return { hops: route.nextHops.map((hop) => (hop.gateway === undefined ? { ...hop, gateway: nextHop } : hop)) };
}

/** `default`, an address alone, or a prefix. */
function prefixOfRoute(destination: string): Prefix | undefined {
  const address = tryParseAddress(destination);
  return address === undefined
    ? tryParsePrefix(destination)
    : prefixOf(address, typeof address === "number" ? 32 : 128);
}
