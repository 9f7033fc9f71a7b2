/**
 * Learned routes in the main table of the kernel, for a speaker that runs alone. Mark: protocol `bgp` (186), which nobody else's
 * routes may have here; routes that an earlier run left stay until this one knows what it wants, so that a restart drops nothing.
 */
import type { BestChange } from "../bgp/rib/types.ts";
import { type PrefixCode, prefixCode, prefixOfCode } from "../ip/prefix-code.ts";
import type { Rtnetlink } from "../kernel/rtnetlink.ts";
import { routes } from "../kernel/rtnetlink-dumps.ts";
import type { Request } from "../kernel/rtnetlink-requests.ts";
import { RouteProtocol, RouteTable, Scope } from "../netlink/rtnetlink/codes.ts";
import type { Route } from "../netlink/rtnetlink/route.ts";
import type { Log } from "../port/log.ts";

/** As BIRD's: behind what people write by hand, before what the kernel makes of router advertisements. */
const METRIC = 32;

export class KernelRoutes {
  readonly #rtnetlink: Rtnetlink;
  readonly #log: Log;
  /** Written, or found at the start and not claimed yet. */
  readonly #held = new Set<PrefixCode>();
  readonly #unclaimed = new Set<PrefixCode>();
  /** The newest of what is to be done, by prefix. */
  readonly #pending = new Map<PrefixCode, Request>();
  #writing: Promise<void> | undefined;

  constructor(rtnetlink: Rtnetlink, log: Log) {
    this.#rtnetlink = rtnetlink;
    this.#log = log;
  }

  /** Reads what an earlier run has left; whether there is something. Throws KernelError. */
  async start(): Promise<boolean> {
    const found = await this.#rtnetlink.dump(routes({ table: RouteTable.main, protocol: RouteProtocol.bgp }));
    for (const { destination } of found) {
      this.#held.add(prefixCode(destination));
      this.#unclaimed.add(prefixCode(destination));
    }
    return found.length > 0;
  }

  changed(changes: readonly BestChange[]): void {
    for (const { prefix, routes: best } of changes) {
      this.#unclaimed.delete(prefix);
      if (best.length > 0) this.#want(prefix, best);
      else this.#remove(prefix);
    }
    this.#wake();
  }

  /** What an earlier run left and nobody has told again goes. */
  settled(): void {
    for (const prefix of this.#unclaimed) this.#remove(prefix);
    this.#unclaimed.clear();
    this.#wake();
  }

  /** Takes all routes out again. */
  async clear(): Promise<void> {
    for (const prefix of [...this.#held]) this.#remove(prefix);
    this.#wake();
    await this.#writing;
  }

  #want(prefix: PrefixCode, best: BestChange["routes"]): void {
    this.#held.add(prefix);
    const hops = best.map(({ attributes }) => ({ gateway: attributes.nextHop }));
    this.#pending.set(prefix, { type: "replaceRoute", route: routeOf(prefix, hops) });
  }

  #remove(prefix: PrefixCode): void {
    if (!this.#held.delete(prefix)) return;
    this.#pending.set(prefix, { type: "deleteRoute", route: routeOf(prefix, []) });
  }

  #wake(): void {
    if (this.#pending.size > 0) this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    while (this.#pending.size > 0) {
      const requests = [...this.#pending.values()];
      this.#pending.clear();
      const outcomes = await this.#rtnetlink.executeMany(requests);
      const failures = outcomes.filter((failure) => failure !== undefined && failure.errno !== "ESRCH");
      const [first] = failures;
      if (first) this.#log.warn("the kernel refused routes", { count: failures.length, first: first.message });
    }
    this.#writing = undefined;
  }
}

const routeOf = (prefix: PrefixCode, hops: Route["hops"]): Route => ({
  destination: prefixOfCode(prefix),
  table: RouteTable.main,
  type: "unicast",
  protocol: RouteProtocol.bgp,
  scope: Scope.universe,
  metric: METRIC,
  hops,
});
