/**
 * Carries out operations on routes. Nearly all are one message each and go out in bulk; what the kernel's replace cannot do
 * (routes with several next hops, IPv6 routes that change their kind, a second route of somebody under the key) takes
 * several, and a moment in which the key is empty.
 */
import { describeRoute } from "../../compile/describe.ts";
import type { NextHop, RouteItem } from "../../compile/node-state.ts";
import { parsePrefix, tryParseInterfaceAddress } from "../../ip/prefix.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import type { TurnBudget } from "../../kernel/turn-budget.ts";
import { Flag } from "../../netlink/message.ts";
import { NextHopFlag, RtmType, routeTypes, Scope } from "../../netlink/rtnetlink/codes.ts";
import type { Hop, Route } from "../../netlink/rtnetlink/route.ts";
import { writeSingleRoute } from "../../netlink/rtnetlink/route-writer.ts";
import type { KernelError } from "../../port/netlink.ts";
import type { Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import type { Writer } from "../../wire/writer.ts";
import { type DriverDeps, deviceDown, failureOf, isGone, itemOf, missingDevice } from "./deps.ts";
import type { NexthopObjects } from "./nexthop-objects.ts";
import type { Observer } from "./observer.ts";

const REPLACE = { type: RtmType.newRoute, flags: Flag.request | Flag.create | Flag.replace } as const;
const DELETE = { type: RtmType.deleteRoute, flags: Flag.request } as const;

/** Routes of others under one key that make way: more than these are not met. */
const MAKE_WAY = 4;

export interface WriteOptions {
  /** Gateways are shared as nexthop objects. */
  readonly wantsObjects: boolean;
  readonly budget: TurnBudget;
}

/** What the route driver remembers. */
export interface RouteMemory {
  readonly objects: NexthopObjects;
  /** Routes behind another of ours under one key. */
  readonly several: Map<string, readonly Route[]>;
  readonly observer: Observer<RouteItem>;
}

interface Single {
  readonly op: Op<RouteItem>;
  /** The nexthop object that it may use, 0 for none. */
  readonly id: number;
}

export class RouteWriter {
  readonly #deps: DriverDeps;
  readonly #objects: NexthopObjects;
  readonly #several: Map<string, readonly Route[]>;
  readonly #observer: Observer<RouteItem>;

  constructor(deps: DriverDeps, memory: RouteMemory) {
    this.#deps = deps;
    this.#objects = memory.objects;
    this.#several = memory.several;
    this.#observer = memory.observer;
  }

  async write(ops: readonly Op<RouteItem>[], options: WriteOptions): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    const singles: Single[] = [];
    const others: Op<RouteItem>[] = [];
    const hindrances = new Map<string, KernelError>();
    for (const op of ops) {
      const hindrance = op.op === "remove" ? undefined : this.#hindrance(op.value, hindrances);
      if (hindrance) failures.push(this.#observer.waitFor(hindrance.device, { key: op.key, error: hindrance.error }));
      else if (isSingle(op) && !this.#several.has(op.key))
        singles.push({ op, id: this.#objectFor(op, options.wantsObjects) });
      else others.push(op);
    }
    await this.#makeObjects(options.budget);
    await this.#writeSingles(singles, options.budget, { failures, others });
    for (const op of others) {
      const error = this.#writeInSteps(op);
      if (error) failures.push(this.#failed(op, error));
      else this.#succeeded(op, 0);
    }
    return failures;
  }

  /** The device in the way: the kernel need not be asked. The error is shared by all keys of one device. */
  #hindrance({ nextHops }: RouteItem, known: Map<string, KernelError>) {
    for (const { device } of nextHops) {
      if (device === undefined) continue;
      const link = this.#deps.links.byName(device);
      if (link?.up) continue;
      let error = known.get(device);
      if (!error) {
        error = link ? deviceDown(device) : missingDevice(device);
        known.set(device, error);
      }
      return { device, error };
    }
    return undefined;
  }

  /**
   * The object for the route's gateway, 0 where it needs none or the ids are used up. A removal names the one that the
   * route uses: the kernel finds such a route by nothing else.
   */
  #objectFor(op: Op<RouteItem>, wantsObjects: boolean): number {
    if (op.op === "remove") return this.#objects.usedBy(op.key);
    if (!wantsObjects) return 0;
    const [hop] = op.value.nextHops;
    if (hop?.gateway === undefined || hop.device === undefined) return 0;
    const device = this.#deps.links.byName(hop.device)?.index ?? 0;
    const { gateway, onlink = false } = hop;
    return this.#objects.idFor({ gateway, device, onlink, protocol: op.value.protocol }) ?? 0;
  }

  async #makeObjects(budget: TurnBudget): Promise<void> {
    const requests = this.#objects.takeWanted();
    if (requests.length === 0) return;
    const outcomes = await this.#deps.rtnetlink.executeSliced(requests, budget);
    for (const [index, request] of requests.entries()) {
      if (request.type !== "addNexthop") continue;
      const error = outcomes[index];
      // The routes that were to use it are written plain; without a carrier that is the only way.
      if (error) this.#objects.lost(request.nexthop.id, error.errno === "EEXIST");
      else this.#objects.made(request.nexthop.id);
    }
  }

  async #writeSingles(
    singles: readonly Single[],
    budget: TurnBudget,
    result: { readonly failures: Failure[]; readonly others: Op<RouteItem>[] },
  ): Promise<void> {
    if (singles.length === 0) return;
    const failed = await this.#deps.rtnetlink.channel.executeSliced(
      {
        count: singles.length,
        encode: (writer, index) => this.#encode(writer, singles[index]),
        about: (index) => aboutOp(singles[index]?.op),
      },
      budget,
    );
    for (const [index, single] of singles.entries()) {
      const error = failed.size === 0 ? undefined : failed.get(index);
      if (!error || (single.op.op === "remove" && isGone(error))) this.#succeeded(single.op, single.id);
      else if (error.errno === "EEXIST") result.others.push(single.op);
      else {
        // An object that somebody removed is made anew next time.
        if (error.errno === "EINVAL" && single.op.op !== "remove") this.#objects.lost(single.id);
        result.failures.push(this.#failed(single.op, error));
      }
    }
  }

  #encode(writer: Writer, single: Single | undefined): void {
    if (!single) return;
    const { op, id } = single;
    const isRemoval = op.op === "remove";
    const item = isRemoval ? op.was : op.value;
    const [hop] = item.nextHops;
    const { address, length } = tryParseInterfaceAddress(item.destination) ?? parsePrefix(item.destination);
    const isIpv4 = typeof address === "number";
    writeSingleRoute(writer, isRemoval ? DELETE : REPLACE, {
      destination: address,
      length,
      table: item.table,
      type: item.type === "other" ? 0 : routeTypes[item.type],
      protocol: item.protocol,
      // A removal matches any scope; IPv6 has none.
      scope: !isIpv4 ? 0 : isRemoval ? Scope.nowhere : item.scope,
      metric: item.metric,
      device: hop?.device === undefined ? undefined : this.#deps.links.byName(hop.device)?.index,
      gateway: hop?.gateway,
      onlink: hop?.onlink ?? false,
      nexthopId: id !== 0 && (isRemoval || this.#objects.isMade(id)) ? id : undefined,
      source: isRemoval ? undefined : item.source,
      mtu: isRemoval ? undefined : item.mtu,
    });
  }

  #succeeded(op: Op<RouteItem>, id: number): void {
    if (op.op === "remove") this.#objects.drop(op.key);
    else this.#objects.hold(op.key, this.#objects.isMade(id) ? id : 0);
    this.#observer.applied(op);
  }

  #failed(op: Op<RouteItem>, error: KernelError): Failure {
    const failure = { key: op.key, error };
    for (const { device } of itemOf(op).nextHops) {
      if (device !== undefined) this.#observer.waitFor(device, failure);
    }
    return failure;
  }

  /** Takes away what is under the key where the kernel's replace cannot, then adds. */
  #writeInSteps(op: Op<RouteItem>): KernelError | undefined {
    const several = (this.#several.get(op.key) ?? []).map((route): Request => ({ type: "deleteRoute", route }));
    this.#several.delete(op.key);
    if (op.op === "remove") {
      const nexthopId = this.#objects.usedBy(op.key);
      const route = { ...this.#route(op.was), ...(nexthopId === 0 ? {} : { nexthopId }) };
      return this.#run([{ type: "deleteRoute", route }, ...several]);
    }
    const route = this.#route(op.value);
    const add: Request = { type: "replaceRoute", route };
    const error = this.#run([...several, add]);
    const changesKind = op.op === "replace" && typeof route.destination.address === "bigint";
    if (error?.errno !== "EEXIST" && !changesKind) return error;
    for (let removed = 0; removed < MAKE_WAY; removed++) {
      if (this.#deps.rtnetlink.execute([{ type: "deleteRoute", route: bare(route) }])[0]) break;
    }
    return this.#run([add]);
  }

  #run(requests: readonly Request[]): KernelError | undefined {
    return failureOf(requests, this.#deps.rtnetlink.execute(requests));
  }

  #route(item: RouteItem): Route {
    const { table, type, protocol, scope, metric, source, mtu } = item;
    return {
      destination: parsePrefix(item.destination),
      table,
      type,
      protocol,
      scope: item.destination.includes(":") ? 0 : scope,
      metric,
      hops: item.nextHops.map((hop) => this.#hop(hop)),
      ...(source === undefined ? {} : { source }),
      ...(mtu === undefined ? {} : { mtu }),
    };
  }

  #hop({ device, gateway, onlink, weight }: NextHop): Hop {
    const index = device === undefined ? undefined : this.#deps.links.byName(device)?.index;
    return {
      ...(index === undefined ? {} : { device: index }),
      ...(gateway === undefined ? {} : { gateway }),
      ...(onlink === true ? { flags: NextHopFlag.onlink } : {}),
      ...(weight === undefined ? {} : { weight }),
    };
  }
}

/** Whatever stands under the key: destination, table and metric alone. */
const bare = ({ destination, table, metric }: Route): Route => ({
  destination,
  table,
  metric,
  type: "other",
  protocol: 0,
  scope: typeof destination.address === "number" ? Scope.nowhere : 0,
  hops: [],
});

/** Whether one message does it. */
function isSingle(op: Op<RouteItem>): boolean {
  const item = itemOf(op);
  if (item.nextHops.length > 1) return false;
  if (op.op !== "replace" || !item.destination.includes(":")) return true;
  return op.was.type === op.value.type && op.was.nextHops.length === op.value.nextHops.length;
}

const verbs = { add: "add", replace: "replace", remove: "delete" } as const;

function aboutOp(op: Op<RouteItem> | undefined): { call: string; subject: string } {
  if (!op) return { call: "write", subject: "route" };
  return { call: verbs[op.op], subject: `route ${describeRoute(itemOf(op))}` };
}
