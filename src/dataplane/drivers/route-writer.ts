/**
 * Carries out operations on routes. Nearly all are one message each and go out in bulk; what the kernel's replace cannot do
 * (routes with several next hops, IPv6 routes that change their kind, a second route of somebody under the key) takes
 * several, and a moment in which the key is empty.
 */
import { describeRoute } from "../../compile/describe.ts";
import type { RouteItem } from "../../compile/node-state.ts";
import type { NexthopObjects } from "../../kernel/nexthop-objects.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import { Scope } from "../../netlink/rtnetlink/codes.ts";
import { type Route, removalOf } from "../../netlink/rtnetlink/route.ts";
import type { KernelError } from "../../port/netlink.ts";
import type { Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { type DriverDeps, deviceDown, failureOf, isGone, itemOf, missingDevice } from "./deps.ts";
import type { KeyPrints } from "./key-prints.ts";
import type { Observer } from "./observer.ts";
import { RouteEncoder } from "./route-encoder.ts";

/** Routes of others under one key that make way: more than these are not met. */
const MAKE_WAY = 4;

/** What the route driver remembers. */
export interface RouteMemory {
  readonly objects: NexthopObjects;
  /** Where one stands behind another under the same key: those of them that are ours. */
  readonly several: Map<string, readonly Route[]>;
  /** Keys under which a route of ours stands. */
  readonly held: KeyPrints;
  readonly observer: Observer<RouteItem>;
}

/** Operations of one message each. */
interface Bulk {
  readonly ops: Op<RouteItem>[];
  /** By operation: the nexthop object that the route may use, 0 for none. */
  readonly ids: number[];
}

export class RouteWriter {
  readonly #deps: DriverDeps;
  readonly #encoder: RouteEncoder;
  readonly #objects: NexthopObjects;
  readonly #several: Map<string, readonly Route[]>;
  readonly #held: KeyPrints;
  readonly #observer: Observer<RouteItem>;

  constructor(deps: DriverDeps, memory: RouteMemory) {
    this.#deps = deps;
    this.#encoder = new RouteEncoder(deps.links);
    this.#objects = memory.objects;
    this.#several = memory.several;
    this.#held = memory.held;
    this.#observer = memory.observer;
  }

  /** `wantsObjects`: gateways are shared as nexthop objects. */
  async write(ops: readonly Op<RouteItem>[], wantsObjects: boolean): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    const bulk: Bulk = { ops: [], ids: [] };
    const others: Op<RouteItem>[] = [];
    const hindrances = new Map<string, KernelError | undefined>();
    for (const op of ops) {
      const device = op.op === "remove" ? undefined : this.#hindranceOf(op.value, hindrances);
      const error = device === undefined ? undefined : hindrances.get(device);
      if (device !== undefined && error) failures.push(this.#observer.waitFor(device, { key: op.key, error }));
      else if (isSingle(op) && !this.#several.has(op.key)) {
        bulk.ops.push(op);
        bulk.ids.push(wantsObjects ? this.#objectFor(op) : 0);
      } else others.push(op);
    }
    await this.#objects.make(this.#deps.rtnetlink);
    await this.#writeBulk(bulk, { failures, others });
    for (const op of others) {
      const error = this.#writeInSteps(op);
      if (error) failures.push(this.#failed(op, error));
      else this.#succeeded(op, 0);
    }
    return failures;
  }

  /** The device that is in the way: the kernel need not be asked. All keys of a device share one error. */
  #hindranceOf({ nextHops }: RouteItem, known: Map<string, KernelError | undefined>): string | undefined {
    for (const { device } of nextHops) {
      if (device === undefined) continue;
      if (!known.has(device)) {
        const link = this.#deps.links.byName(device);
        known.set(device, !link ? missingDevice(device) : link.up ? undefined : deviceDown(device));
      }
      if (known.get(device)) return device;
    }
    return undefined;
  }

  /** The object for the route's gateway, 0 where it needs none or the ids are used up. */
  #objectFor(op: Op<RouteItem>): number {
    if (op.op === "remove") return 0;
    const hop = op.value.nextHops[0];
    if (hop?.gateway === undefined || hop.device === undefined) return 0;
    const device = this.#deps.links.byName(hop.device)?.index ?? 0;
    const { protocol, mtu = 0 } = op.value;
    return this.#objects.idFor({ gateway: hop.gateway, device, onlink: hop.onlink ?? false, protocol }, mtu);
  }

  async #writeBulk(
    { ops, ids }: Bulk,
    result: { readonly failures: Failure[]; readonly others: Op<RouteItem>[] },
  ): Promise<void> {
    if (ops.length === 0) return;
    const failed = await this.#deps.rtnetlink.channel.executeMany({
      count: ops.length,
      encode: (writer, index) => {
        const op = ops[index];
        if (op) this.#encoder.encode(writer, op, this.#usable(ids[index] ?? 0));
      },
      about: (index) => aboutOp(ops[index]),
    });
    for (let index = 0; index < ops.length; index++) {
      const op = ops[index];
      const id = ids[index] ?? 0;
      if (!op) continue;
      const error = failed.size === 0 ? undefined : failed.get(index);
      if (!failureOf(op, error)) this.#succeeded(op, id);
      else if (error?.errno === "EEXIST") result.others.push(op);
      else if (error) {
        // An object that somebody removed is made anew next time.
        if (error.errno === "EINVAL" && op.op !== "remove") this.#objects.lost(id);
        result.failures.push(this.#failed(op, error));
      }
    }
  }

  /** The id to write: 0 where the object could not be made. */
  #usable(id: number): number {
    return id !== 0 && this.#objects.isMade(id) ? id : 0;
  }

  #succeeded(op: Op<RouteItem>, id: number): void {
    if (op.op === "remove") this.#held.delete(op.key);
    else this.#held.add(op.key);
    this.#observer.applied(op, this.#usable(id) === 0);
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
    const { rtnetlink } = this.#deps;
    if (op.op === "remove") {
      const plain: Request = { type: "deleteRoute", route: removalOf(this.#encoder.route(op.was)) };
      return rtnetlink.execute(several.length > 0 ? several : [plain]).find((error) => error && !isGone(error));
    }
    const route = this.#encoder.route(op.value);
    const add: Request = { type: "replaceRoute", route };
    const error = rtnetlink.execute([...several, add]).at(-1);
    const changesKind = op.op === "replace" && typeof route.destination.address === "bigint";
    if (error?.errno !== "EEXIST" && !changesKind) return error;
    for (let removed = 0; removed < MAKE_WAY; removed++) {
      if (rtnetlink.execute([{ type: "deleteRoute", route: bare(route) }])[0]) break;
    }
    return rtnetlink.execute([add])[0];
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
