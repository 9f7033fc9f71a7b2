/**
 * The host's routes as others make them, for who asks where an address leads. Kept by notifications; what the kernel takes
 * away in silence (IPv4 routes, with their device, its carrier or its address) is found by reading the table again.
 */
import { type RouteItem, routeKey } from "../compile/node-state.ts";
import type { LinkChanged, LinkTable } from "../kernel/link-table.ts";
import type { Rtnetlink } from "../kernel/rtnetlink.ts";
import { routes } from "../kernel/rtnetlink-dumps.ts";
import type { Subscription } from "../kernel/rtnetlink-subscription.ts";
import type { RtnetlinkEvent } from "../netlink/rtnetlink/event.ts";
import type { Route } from "../netlink/rtnetlink/route.ts";
import type { Clock, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import { itemOfRoute } from "./drivers/route-items.ts";

export interface HostRoutesDeps {
  readonly rtnetlink: Rtnetlink;
  readonly links: LinkTable;
  readonly clock: Clock;
  readonly log: Log;
}

export interface HostRoutesSink {
  set(route: RouteItem): void;
  gone(route: RouteItem): void;
}

const TABLE_MAIN = 254;
const RETRY_MS = 1_000;

export class HostRoutes {
  readonly #deps: HostRoutesDeps;
  readonly #sink: HostRoutesSink;
  readonly #known = new Map<string, RouteItem>();
  /** While the table is read: what notifications say of a key counts, whatever the list says. */
  #during: Set<string> | undefined;
  #subscription: Subscription | undefined;
  #stopListening = (): void => undefined;
  #reading: Promise<void> | undefined;
  #isStale = false;
  #retry: Timer | undefined;
  #isClosed = false;

  constructor(deps: HostRoutesDeps, sink: HostRoutesSink) {
    this.#deps = deps;
    this.#sink = sink;
  }

  /** Resolves when the table was read once. Throws KernelError. */
  async start(): Promise<void> {
    const { rtnetlink, links } = this.#deps;
    this.#subscription = rtnetlink.subscribe(
      ["ipv4Route", "ipv6Route", "ipv4Address"],
      { event: (event) => this.#event(event), overrun: () => this.#readAgain() },
      { exceptOwn: true },
    );
    this.#stopListening = links.listen({
      changed: (change) => {
        if (mayTakeRoutes(change)) this.#readAgain();
      },
      lost: () => this.#readAgain(),
    });
    await this.#read();
  }

  #event(event: RtnetlinkEvent): void {
    if (event.type === "address") {
      if (event.isGone) this.#readAgain();
      return;
    }
    if (event.type !== "route") return;
    this.#deps.links.drain();
    const item = this.#itemOf(event.route);
    if (!item) return;
    // Where several stand under one key, the list tells which counts.
    if (event.place === "appended") this.#readAgain();
    this.#during?.add(routeKey(item));
    if (event.isGone) this.#gone(item);
    else this.#set(item);
  }

  #itemOf(route: Route): RouteItem | undefined {
    if (route.table !== TABLE_MAIN) return undefined;
    const { links } = this.#deps;
    return itemOfRoute(route, (index) => links.byIndex(index)?.name ?? `if${index}`);
  }

  #set(item: RouteItem): void {
    this.#known.set(routeKey(item), item);
    this.#sink.set(item);
  }

  #gone(item: RouteItem): void {
    if (this.#known.delete(routeKey(item))) this.#sink.gone(item);
  }

  #readAgain(): void {
    this.#isStale = true;
    if (this.#reading || this.#retry || this.#isClosed) return;
    const { clock, log } = this.#deps;
    this.#read().catch((failure: unknown) => {
      log.warn("the host's routes cannot be read, will be tried again", {}, failure);
      if (this.#isClosed) return;
      this.#retry = clock.after(RETRY_MS, () => {
        this.#retry = undefined;
        this.#readAgain();
      });
    });
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readWhileStale().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readWhileStale(): Promise<void> {
    const { rtnetlink, links } = this.#deps;
    do {
      this.#isStale = false;
      await links.current();
      const during = new Set<string>();
      this.#during = during;
      const found = new Map<string, RouteItem>();
      try {
        await rtnetlink.dumpEach(routes(), {
          restart: () => found.clear(),
          visit: (route) => {
            const item = this.#itemOf(route);
            // The kernel lists those of one key together, the one that counts first.
            if (item && !found.has(routeKey(item))) found.set(routeKey(item), item);
          },
        });
        this.#subscription?.drain();
      } finally {
        this.#during = undefined;
      }
      for (const [key, item] of this.#known) if (!found.has(key) && !during.has(key)) this.#gone(item);
      for (const [key, item] of found) if (!during.has(key)) this.#set(item);
    } while (this.#isStale && !this.#isClosed);
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#subscription?.close();
    this.#stopListening();
  }
}

const mayTakeRoutes = ({ before, after }: LinkChanged): boolean =>
  before !== undefined &&
  (after === undefined || before.name !== after.name || (before.up && !after.up) || (before.running && !after.running));
