/** What the memory kernel holds, in the lines in which iproute2 shows the real one (`kernel-view.ts`). */
import { formatAddress, type IpAddress } from "../../ip/address.ts";
import { formatPrefix } from "../../ip/prefix.ts";
import { NeighbourState, NextHopFlag } from "../../netlink/rtnetlink/codes.ts";
import type { Route } from "../../netlink/rtnetlink/route.ts";
import type { FilterView, KernelView } from "../kernel-view.ts";
import type { MemoryTables } from "./tables.ts";

export class MemoryView implements KernelView {
  readonly #tables: MemoryTables;

  constructor(tables: MemoryTables) {
    this.#tables = tables;
  }

  links(): readonly string[] {
    return [...this.#tables.links.all()]
      .filter(({ name }) => name !== "lo")
      .map(({ name, kind, mtu, mac, up, vxlan }) => {
        const local = vxlan?.local ?? vxlan?.local6;
        const data = vxlan
          ? ` ${vxlan.id} ${vxlan.port} ${local === undefined ? "-" : formatAddress(local)} ${this.#name(vxlan.link)}`
          : "";
        return `${name} ${kind} ${mtu} ${mac} ${up ? "up" : "down"}${data}`;
      })
      .sort();
  }

  addresses(): readonly string[] {
    return this.#tables.addresses
      .all()
      .map(({ index, address }) => `${this.#name(index)} ${formatPrefix(address)}`)
      .sort();
  }

  routes(): readonly string[] {
    return this.#tables.routes
      .all()
      .map((route) => this.#route(route))
      .sort();
  }

  #route(route: Route): string {
    const { type, destination, table, protocol, scope, metric, source, mtu } = route;
    const isIpv6 = typeof destination.address === "bigint";
    const hops = type === "unicast" ? this.#tables.routes.hopsOf(route) : [];
    return [
      type,
      formatPrefix(destination),
      ...hops.map(({ gateway, device, weight = 1, flags = 0 }) =>
        [
          ...(gateway === undefined ? [] : [`via ${formatAddress(gateway)}`]),
          `dev ${this.#name(device)}`,
          ...(weight === 1 ? [] : [`weight ${weight}`]),
          ...((flags & NextHopFlag.onlink) === 0 ? [] : ["onlink"]),
        ].join(" "),
      ),
      `table ${table} proto ${protocol} scope ${isIpv6 ? 0 : scope} metric ${metric}`,
      ...(source === undefined ? [] : [`src ${formatAddress(source)}`]),
      ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
    ].join(" ");
  }

  neighbours(): readonly string[] {
    return this.#tables.neighbours
      .neighbours()
      .filter(({ state }) => (state & NeighbourState.permanent) !== 0)
      .map(({ index, address, mac }) => `${this.#name(index)} ${formatAddress(address)} ${mac}`)
      .sort();
  }

  forwarding(): readonly string[] {
    const textOf = (address: IpAddress | undefined): string => (address === undefined ? "-" : formatAddress(address));
    return this.#tables.neighbours
      .entries()
      .map(({ index, mac, destination }) => `${this.#name(index)} ${mac} ${textOf(destination)}`)
      .sort();
  }

  rules(): readonly string[] {
    return this.#tables.rules
      .all()
      .map(({ family, priority, invert, mark, mask = 0xffffffff, table }) => {
        const match = mark === undefined ? "all" : `${mark}/${mask}`;
        return `${family} ${priority} ${invert === true ? "not " : ""}${match} ${table}`;
      })
      .sort();
  }

  filters(): readonly FilterView[] {
    return this.#tables.traffic
      .all()
      .map(({ index, name, programId }) => ({ device: this.#name(index), name, programId }));
  }

  nexthops(): readonly number[] {
    return this.#tables.nexthops.ids();
  }

  #name(index: number | undefined): string {
    return (index === undefined ? undefined : this.#tables.links.get(index)?.name) ?? `if${index}`;
  }
}
