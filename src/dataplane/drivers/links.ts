/** Devices of ours, of every kind: each kind has a driver of its own, whose names no other claims. */
import type { IpipLink, LinkItem, VxlanLink } from "../../compile/node-state.ts";
import type { Driver, DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { itemOf } from "./deps.ts";

export interface LinkDrivers {
  readonly vxlan: Driver<VxlanLink>;
  readonly ipip: Driver<IpipLink>;
}

export class LinkDriver implements Driver<LinkItem> {
  readonly name = "links";
  readonly #drivers: LinkDrivers;

  constructor(drivers: LinkDrivers) {
    this.#drivers = drivers;
  }

  async readOwned(): Promise<ReadonlyMap<string, LinkItem>> {
    const { vxlan, ipip } = this.#drivers;
    return new Map<string, LinkItem>([...(await vxlan.readOwned()), ...(await ipip.readOwned())]);
  }

  equal(desired: LinkItem, actual: LinkItem): boolean {
    const { vxlan, ipip } = this.#drivers;
    if (desired.kind === "vxlan") return actual.kind === "vxlan" && vxlan.equal(desired, actual);
    return actual.kind === "ipip" && ipip.equal(desired, actual);
  }

  async apply(ops: readonly Op<LinkItem>[]): Promise<readonly Failure[]> {
    const { vxlan, ipip } = this.#drivers;
    const ofVxlan = ops.filter((op): op is Op<VxlanLink> => itemOf(op).kind === "vxlan");
    const ofIpip = ops.filter((op): op is Op<IpipLink> => itemOf(op).kind === "ipip");
    return [
      ...(ofVxlan.length === 0 ? [] : await vxlan.apply(ofVxlan)),
      ...(ofIpip.length === 0 ? [] : await ipip.apply(ofIpip)),
    ];
  }

  watch(sink: DriverSink<LinkItem>): void {
    this.#drivers.vxlan.watch(sink);
    this.#drivers.ipip.watch(sink);
  }

  close(): void {
    this.#drivers.vxlan.close();
    this.#drivers.ipip.close();
  }
}
