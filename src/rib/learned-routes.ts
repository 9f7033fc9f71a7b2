/**
 * Routes heard by BGP, kept with what decides over them, and decided again when that changes:
 *
 *   best routes by prefix (speaker) ─┐
 *   the kernel's other routes ───────┼─▶ prefixes to decide ─▶ flush ─▶ items under `learned PREFIX`
 *   pools, own node, configuration ──┘
 *
 * The decision itself is `compile/routing/learned.ts`. No I/O; works in slices as the compile does.
 */
import { type Fragment, nothing } from "../compile/fragment.ts";
import { type CompileKey, keys } from "../compile/keys.ts";
import type { RouteItem } from "../compile/node-state.ts";
import { isIgnored } from "../compile/routing/ignored-interfaces.ts";
import { type LearnedDecision, learnedRoute } from "../compile/routing/learned.ts";
import { NextHops } from "../compile/routing/next-hops.ts";
import type { View } from "../compile/view.ts";
import type { IpAddress } from "../ip/address.ts";
import { AddressMap } from "../ip/address-map.ts";
import { formatPrefix } from "../ip/prefix.ts";
import { type PrefixCode, prefixOfCode } from "../ip/prefix-code.ts";

export interface LearnedRoutesDeps {
  readonly view: View;
  /** Whether a route of the kernel is ours: such a one leads no next hop anywhere. */
  readonly owns: (route: RouteItem) => boolean;
}

interface Learned {
  readonly nextHops: readonly IpAddress[];
  /** Those of them that the last decision looked up. */
  used: readonly IpAddress[];
}

const none: readonly IpAddress[] = [];

export class LearnedRoutes {
  readonly #view: View;
  readonly #nextHops: NextHops;
  readonly #learned = new Map<PrefixCode, Learned>();
  readonly #usersOf = new AddressMap<Set<PrefixCode>>();
  readonly #dirty = new Set<PrefixCode>();

  constructor({ view, owns }: LearnedRoutesDeps) {
    this.#view = view;
    this.#nextHops = new NextHops({ leavesOut: (route) => owns(route) || isIgnored(route, view) });
  }

  /** Next hops that learned routes hang on. */
  get nextHopsInUse(): readonly IpAddress[] {
    return this.#nextHops.inUse;
  }

  /** Prefixes that wait to be decided. */
  get pending(): number {
    return this.#dirty.size;
  }

  /** The BGP next hops of the best routes to the prefix; none: there is no route any more. */
  best(prefix: PrefixCode, nextHops: readonly IpAddress[]): void {
    const used = this.#learned.get(prefix)?.used ?? none;
    this.#learned.set(prefix, { nextHops, used });
    this.#dirty.add(prefix);
  }

  /** The kernel holds a route, whoever made it. */
  kernelRoute(route: RouteItem): void {
    this.#moved(this.#nextHops.set(route));
  }

  kernelRouteGone(route: Pick<RouteItem, "table" | "destination" | "metric">): void {
    this.#moved(this.#nextHops.remove(route));
  }

  #moved(nextHops: readonly IpAddress[]): void {
    for (const nextHop of nextHops) for (const prefix of this.#usersOf.get(nextHop) ?? []) this.#dirty.add(prefix);
  }

  /** Told of every key that was compiled: whatever decides over learned routes touches what this node exports too. */
  compiled(key: CompileKey): void {
    if (key !== keys.bgpExport) return;
    this.#nextHops.reconsider();
    for (const prefix of this.#learned.keys()) this.#dirty.add(prefix);
  }

  /** Decides at most `limit` prefixes and hands out what each contributes now. */
  flush(limit: number, sink: (key: CompileKey, fragment: Fragment) => void): void {
    let left = limit;
    for (const prefix of this.#dirty) {
      if (left-- <= 0) return;
      this.#dirty.delete(prefix);
      sink(keys.learned(formatPrefix(prefixOfCode(prefix))), this.#decideAnew(prefix));
    }
  }

  /** What becomes of the prefix, or why nothing does; undefined where it was never heard. */
  why(prefix: PrefixCode): LearnedDecision | undefined {
    const learned = this.#learned.get(prefix);
    return learned && this.#decide(prefix, learned, (nextHop) => this.#nextHops.resolve(nextHop));
  }

  #decideAnew(prefix: PrefixCode): Fragment {
    const learned = this.#learned.get(prefix);
    if (!learned) return nothing;
    const used = new Set<IpAddress>();
    const decision =
      learned.nextHops.length === 0
        ? undefined
        : this.#decide(prefix, learned, (nextHop) => {
            if (!used.has(nextHop)) this.#use(nextHop, prefix);
            used.add(nextHop);
            return this.#nextHops.resolve(nextHop);
          });
    for (const nextHop of learned.used) this.#release(nextHop, prefix, used.has(nextHop));
    learned.used = used.size === 0 ? none : [...used];
    if (learned.nextHops.length === 0) this.#learned.delete(prefix);
    if (!decision || "rejected" in decision) return nothing;
    return {
      routes: [decision.piece],
      ...(decision.neighbours.length === 0 ? {} : { neighbours: decision.neighbours }),
    };
  }

  #decide(prefix: PrefixCode, { nextHops }: Learned, resolve: NextHops["resolve"]): LearnedDecision {
    return learnedRoute({ prefix: prefixOfCode(prefix), nextHops, view: this.#view, resolve });
  }

  #use(nextHop: IpAddress, prefix: PrefixCode): void {
    this.#nextHops.use(nextHop);
    const users = this.#usersOf.get(nextHop);
    if (users) users.add(prefix);
    else this.#usersOf.set(nextHop, new Set([prefix]));
  }

  /** Uses are counted: one that goes on was counted anew before. */
  #release(nextHop: IpAddress, prefix: PrefixCode, isUsedStill: boolean): void {
    this.#nextHops.release(nextHop);
    if (isUsedStill) return;
    const users = this.#usersOf.get(nextHop);
    users?.delete(prefix);
    if (users?.size === 0) this.#usersOf.delete(nextHop);
  }
}
