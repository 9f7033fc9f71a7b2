/**
 * The network that hosts are plugged into, as kernel objects:
 *
 *     host worker-1              router vpc                                     internet
 *     ens5 ───────── veth ────── worker-1 ─┐
 *     (host's netns)             worker-2 ─┴ subnet-1 (bridge, 10.30.0.1) ─ routes ─ outside ── vpc (8.8.8.8 on lo)
 *                                worker-3 ── subnet-2 (bridge, 10.30.1.1) ─┘
 *
 * A router forwards by its own table: its subnets, the other routers' subnets, the outside addresses, and what it
 * learns where it speaks BGP. All else meets a blackhole route and is dropped in silence, as a cloud does. Routers that a
 * link joins reach each other by it, others by the outside. IPv6 is off outside of the hosts.
 */
import { addOffset, type IpAddress, parseAddress } from "../../ip/address.ts";
import { hostPrefix, type Prefix } from "../../ip/prefix.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import { RouteProtocol, Scope } from "../../netlink/rtnetlink/codes.ts";
import type { Clock } from "../../port/clock.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import type { Places } from "../../port/places.ts";
import { type RouterLink, routersOf, type Subnet, subnetOf, type Topology, type TopologyHost } from "../topology.ts";
import { applyAll, indexOf, routeRequest } from "./apply.ts";
import { firstHops } from "./first-hops.ts";
import { gatewayMac, OUTSIDE_DEVICE, portName } from "./names.ts";

/** `proto dhcp`, as the DHCP client of a cloud image marks the routes it got. */
const DHCP = 16;
const DEFAULT_ROUTE: Prefix = { address: parseAddress("0.0.0.0"), length: 0 };

export interface UnderlayDeps {
  readonly places: Pick<Places, "makeNet">;
  /** The namespaces of the topology's routers, empty, by name. */
  readonly routers: ReadonlyMap<string, NetNamespace>;
  readonly clock: Clock;
}

/** Where a host's NIC ends in the underlay. */
export interface NicPort {
  readonly router: string;
  readonly net: NetNamespace;
  /** The device, and its index in the router's namespace. */
  readonly device: string;
  readonly index: number;
}

export class Underlay {
  readonly #topology: Topology;
  readonly #deps: UnderlayDeps;
  readonly #ports = new Map<string, NicPort>();
  readonly outside: NetNamespace;

  constructor(topology: Topology, deps: UnderlayDeps) {
    this.#topology = topology;
    this.#deps = deps;
    this.outside = deps.places.makeNet();
    quietRouter(this.outside);
    applyAll(this.outside, deps.clock, [
      ...topology.outside.map((address): Request => ({ type: "addAddress", address: onLoopback(address) })),
      { type: "setLink", link: "lo", change: { up: true } },
      routeRequest({ destination: DEFAULT_ROUTE, type: "blackhole" }),
    ]);
    for (const [index, name] of routersOf(topology).entries()) this.#makeRouter(name, index);
    for (const link of topology.links ?? []) this.#join(link);
    for (const name of this.routers.keys()) this.#routeToOthers(name);
  }

  get routers(): ReadonlyMap<string, NetNamespace> {
    return this.#deps.routers;
  }

  /** The ports of hosts that are plugged in, by host. */
  get ports(): ReadonlyMap<string, NicPort> {
    return this.#ports;
  }

  #router(name: string): NetNamespace {
    const net = this.routers.get(name);
    if (!net) throw new Error(`no router '${name}'`);
    return net;
  }

  #makeRouter(name: string, index: number): void {
    const { clock } = this.#deps;
    const net = this.#router(name);
    quietRouter(net);
    const subnets = this.#topology.subnets.filter(({ router }) => router === name);
    applyAll(net, clock, [
      { type: "setLink", link: "lo", change: { up: true } },
      ...subnets.map(
        (subnet): Request => ({
          type: "createBridge",
          link: { name: subnet.name, mac: gatewayMac(subnet), up: true },
        }),
      ),
      {
        type: "createVeth",
        link: { name: OUTSIDE_DEVICE, up: true },
        peer: { name: portName(name), namespaceFd: this.outside.fd },
      },
    ]);
    applyAll(this.outside, clock, [{ type: "setLink", link: portName(name), change: { up: true } }]);
    for (const subnet of subnets) this.#address(net, subnet.name, subnet.gateway, subnet.cidr.length);
    this.#linkOutside(name, net, index, subnets);
  }

  /** The link to the outside is a /30 out of the range for benchmarks, RFC 2544. */
  #linkOutside(name: string, net: NetNamespace, index: number, subnets: readonly Subnet[]): void {
    const { clock } = this.#deps;
    const { here, there } = outsideLink(index);
    this.#address(net, OUTSIDE_DEVICE, here, 30);
    this.#address(this.outside, portName(name), there, 30);
    applyAll(net, clock, [
      routeRequest({ destination: DEFAULT_ROUTE, type: "blackhole" }),
      ...this.#topology.outside.map((address) =>
        routeRequest({ destination: hostPrefix(address), hops: [{ gateway: there }] }),
      ),
    ]);
    // What asked 8.8.8.8 must be answered by it, also where the answer is a datagram of its own.
    const [first] = this.#topology.outside;
    const source = first === undefined ? {} : { source: first };
    applyAll(
      this.outside,
      clock,
      subnets.map(({ cidr }) => routeRequest({ destination: cidr, hops: [{ gateway: here }], ...source })),
    );
  }

  #routeToOthers(name: string): void {
    const index = routersOf(this.#topology).indexOf(name);
    const others = this.#topology.subnets.filter(({ router }) => router !== name);
    const hops = firstHops(this.#topology.links ?? [], name);
    applyAll(
      this.#router(name),
      this.#deps.clock,
      others.map(({ cidr, router }) =>
        routeRequest({ destination: cidr, hops: [{ gateway: hops.get(router) ?? outsideLink(index).there }] }),
      ),
    );
  }

  /** The wire between two routers takes what any NIC can send. */
  #join({ between: [one, other], cidr }: RouterLink): void {
    const mtu = Math.max(...this.#topology.hosts.map(({ nic }) => nic.mtu));
    const [here, there] = [this.#router(one), this.#router(other)];
    applyAll(here, this.#deps.clock, [
      {
        type: "createVeth",
        link: { name: portName(other), mtu, up: true },
        peer: { name: portName(one), mtu, namespaceFd: there.fd },
      },
    ]);
    applyAll(there, this.#deps.clock, [{ type: "setLink", link: portName(one), change: { up: true } }]);
    this.#address(here, portName(other), addOffset(cidr.address, 1), cidr.length);
    this.#address(there, portName(one), addOffset(cidr.address, 2), cidr.length);
  }

  #address(net: NetNamespace, device: string, address: IpAddress, length: number): void {
    const index = indexOf(net, this.#deps.clock, device);
    applyAll(net, this.#deps.clock, [{ type: "addAddress", address: { index, address: { address, length } } }]);
  }

  /** Gives a host its NIC, addresses, routes and foreign devices. */
  plugIn(host: TopologyHost, net: NetNamespace): void {
    const { clock } = this.#deps;
    const { nic } = host;
    const subnet = subnetOf(this.#topology, nic);
    const router = this.#router(subnet.router);
    const device = portName(host.name);
    applyAll(router, clock, [
      {
        type: "createVeth",
        link: { name: device, mtu: nic.mtu, up: true },
        peer: { name: nic.name, mtu: nic.mtu, namespaceFd: net.fd },
      },
      { type: "setLink", link: device, change: { master: indexOf(router, clock, subnet.name) } },
    ]);
    this.#ports.set(host.name, { router: subnet.router, net: router, device, index: indexOf(router, clock, device) });
    this.#fitBridge(router, subnet);
    applyAll(net, clock, [
      { type: "setLink", link: "lo", change: { up: true } },
      { type: "setLink", link: nic.name, change: { up: true } },
      ...host.bridges.map(({ name }): Request => ({ type: "createBridge", link: { name, up: true } })),
    ]);
    for (const { name, address } of host.bridges) {
      const index = indexOf(net, clock, name);
      applyAll(net, clock, [{ type: "addAddress", address: { index, address } }]);
    }
    this.#addressHost(host, net, subnet);
  }

  #addressHost(host: TopologyHost, net: NetNamespace, subnet: Subnet): void {
    const { nic } = host;
    const index = indexOf(net, this.#deps.clock, nic.name);
    const hop = { device: index, gateway: subnet.gateway };
    const asDhcp = host.gatewayRoute ? { protocol: DHCP, source: nic.address } : { protocol: RouteProtocol.boot };
    applyAll(net, this.#deps.clock, [
      { type: "addAddress", address: { index, address: { address: nic.address, length: subnet.cidr.length } } },
      routeRequest({ destination: DEFAULT_ROUTE, hops: [hop], metric: host.gatewayMetric, ...asDhcp }),
      ...(host.gatewayRoute
        ? [
            routeRequest({
              destination: hostPrefix(subnet.gateway),
              hops: [{ device: index }],
              scope: Scope.link,
              metric: host.gatewayMetric,
              ...asDhcp,
            }),
          ]
        : []),
    ]);
  }

  /**
   * The router's side of a subnet carries what its largest NIC can send; each port drops what its own cannot take. A
   * bridge follows its smallest port until its MTU is changed by hand, and setting the one that it has is no change.
   */
  #fitBridge(router: NetNamespace, subnet: Subnet): void {
    const mtus = this.#topology.hosts.filter(({ nic }) => nic.subnet === subnet.name).map(({ nic }) => nic.mtu);
    const mtu = Math.max(...mtus);
    applyAll(
      router,
      this.#deps.clock,
      [mtu - 1, mtu].map((one): Request => ({ type: "setLink", link: subnet.name, change: { mtu: one } })),
    );
  }

  close(): void {
    for (const net of [...this.routers.values(), this.outside]) net.close();
  }
}

function outsideLink(index: number): { here: IpAddress; there: IpAddress } {
  return { here: parseAddress(`198.18.${index}.1`), there: parseAddress(`198.18.${index}.2`) };
}

/** Forwards, answers for nothing but itself, tells nobody of shorter ways. */
function quietRouter(net: NetNamespace): void {
  for (const scope of ["all", "default"]) {
    net.writeSysctl(`net/ipv4/conf/${scope}/rp_filter`, "0");
    net.writeSysctl(`net/ipv4/conf/${scope}/send_redirects`, "0");
    if (net.readSysctl(`net/ipv6/conf/${scope}/disable_ipv6`) !== undefined) {
      net.writeSysctl(`net/ipv6/conf/${scope}/disable_ipv6`, "1");
    }
  }
  net.writeSysctl("net/ipv4/ip_forward", "1");
}

/** Loopback has index 1 in every namespace. */
const onLoopback = (address: IpAddress) => ({ index: 1, address: { address, length: 32 } });
