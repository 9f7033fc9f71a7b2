/**
 * In large subnets hosts are told who is where on the wire, as a cloud's hypervisor answers for all, and need not ask. A kernel
 * has one table of IPv4 neighbours for all of its namespaces, and takes `net.ipv4.neigh.default.gc_thresh3` (1,024) that were
 * learned: fifty hosts of which each speaks BGP with all are more. Entries that were set do not count (`neigh_alloc` of
 * net/core/neighbour.c), and setting them needs no right outside of the lab.
 */
import type { IpAddress } from "../../ip/address.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import { NeighbourState } from "../../netlink/rtnetlink/codes.ts";
import type { Clock } from "../../port/clock.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import type { Subnet, Topology } from "../topology.ts";
import { applyAll, indexOf, withRtnetlink } from "./apply.ts";
import { gatewayMac } from "./names.ts";

/** A quarter of what the kernel takes, so that labs side by side have room. */
const MOST_LEARNED = 256;

export interface WireEnds {
  /** The namespaces of hosts and of routers, by name. */
  readonly hosts: ReadonlyMap<string, NetNamespace>;
  readonly routers: ReadonlyMap<string, NetNamespace>;
}

/** Somebody on the wire of a subnet. */
interface Station {
  readonly net: NetNamespace;
  /** Its device there. */
  readonly index: number;
  readonly address: IpAddress;
  readonly mac: string;
}

/** Sets the neighbours of all stations, where they would learn too many; all hosts are plugged in. Throws KernelError. */
export function acquaint(topology: Topology, ends: WireEnds, clock: Clock): void {
  if (mostLearned(topology) <= MOST_LEARNED) return;
  for (const subnet of topology.subnets) {
    const stations = stationsOf(topology, subnet, ends, clock);
    for (const station of stations) applyAll(station.net, clock, neighboursOf(station, stations));
  }
}

/** Entries of all tables once all have spoken with all of their subnet, its gateway among them. */
function mostLearned({ subnets, hosts }: Topology): number {
  const sizes = subnets.map(({ name }) => hosts.filter(({ nic }) => nic.subnet === name).length);
  return sizes.reduce((sum, size) => sum + size * (size + 1), 0);
}

function stationsOf(topology: Topology, subnet: Subnet, { hosts, routers }: WireEnds, clock: Clock): Station[] {
  const router = routers.get(subnet.router);
  const gateway = router && {
    net: router,
    index: indexOf(router, clock, subnet.name),
    address: subnet.gateway,
    mac: gatewayMac(subnet),
  };
  const plugged = topology.hosts.flatMap(({ name, nic }) => {
    const net = hosts.get(name);
    if (!net || nic.subnet !== subnet.name) return [];
    const link = withRtnetlink(net, clock, (rtnetlink) => rtnetlink.link(nic.name));
    return link ? [{ net, index: link.index, address: nic.address, mac: link.mac }] : [];
  });
  return gateway ? [gateway, ...plugged] : plugged;
}

const neighboursOf = (station: Station, all: readonly Station[]): readonly Request[] =>
  all
    .filter((other) => other !== station)
    .map(({ address, mac }) => ({
      type: "replaceNeighbour",
      neighbour: { index: station.index, address, mac, state: NeighbourState.permanent, flags: 0 },
    }));
