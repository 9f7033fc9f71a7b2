/**
 * Two racks, each an AS of its own behind a router on its top, and a spine between them: eBGP all the way (RFC 7938),
 * no encapsulation, no mesh.
 *
 *     r1-a, r1-b (AS 64601) ── tor-1 (65001) ── spine (65000) ── tor-2 (65002) ── r2-a, r2-b (AS 64602)
 *
 * Nodes of one rack hear of each other from their router, in paths that their own AS stands in: it is allowed once.
 */
import { addOffset, type Ipv4, ipv4Of } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import type { BgpRouter, RouterLink, RouterSpeaker, Subnet, Topology, TopologyHost } from "../topology.ts";
import { gatewayPeer, nodeResource, noMesh } from "./bgp-objects.ts";
import { host, neighbour, OUTSIDE, pod, subnet } from "./write.ts";

const SPINE_AS = 65000;

interface Rack {
  readonly subnet: Subnet;
  readonly hosts: readonly TopologyHost[];
  readonly nodesAs: number;
  readonly routerAs: number;
  /** The wire from the router to the spine. */
  readonly link: RouterLink;
}

const node = (name: string, address: string, inSubnet: string): TopologyHost => {
  const checked = host({ name, address, subnet: inSubnet, nic: "eth0", mtu: 1500, metric: 0, gatewayRoute: false });
  return { ...checked, policy: { sourceDestinationCheck: false, drop: [] } };
};

const racks: readonly Rack[] = [1, 2].map((number) => ({
  subnet: subnet(`rack-${number}`, `tor-${number}`, `10.60.${number}.0/24`, `10.60.${number}.1`),
  hosts: ["a", "b"].map((letter, index) =>
    node(`r${number}-${letter}`, `10.60.${number}.${11 + index}`, `rack-${number}`),
  ),
  nodesAs: 64600 + number,
  routerAs: 65000 + number,
  link: { between: ["spine", `tor-${number}`], cidr: parsePrefix(`10.60.255.${4 * number}/30`) },
}));

const endOf = ({ cidr }: RouterLink, offset: 1 | 2): Ipv4 => ipv4Of(Number(addOffset(cidr.address, offset)));

const top = ({ subnet: own, hosts, nodesAs, routerAs, link }: Rack, speaker: RouterSpeaker): BgpRouter => ({
  name: own.router,
  speaker,
  as: routerAs,
  routerId: ipv4Of(Number(own.gateway)),
  neighbours: [...hosts.map((one) => neighbour(one, nodesAs)), { address: endOf(link, 1), as: SPINE_AS }],
});

const spine: BgpRouter = {
  name: "spine",
  speaker: "ocicat",
  as: SPINE_AS,
  routerId: ipv4Of(Number(racks[0]?.link.cidr.address)),
  neighbours: racks.map(({ link, routerAs }) => ({ address: endOf(link, 2), as: routerAs })),
};

const inRack = ({ subnet: own }: Rack): Record<string, string> => ({ rack: own.name });

export const torPerRack: Topology = {
  name: "tor-per-rack",
  summary: "two racks, an AS each behind its router, and a spine: eBGP, no encapsulation",
  subnets: racks.map((rack) => rack.subnet),
  bgpRouters: [...racks.map((rack) => top(rack, "ocicat")), spine],
  links: racks.map(({ link }) => link),
  hosts: racks.flatMap(({ hosts }) => hosts),
  storeHost: "r1-a",
  cluster: {
    pool: parsePrefix("192.168.0.0/16"),
    blockSize: 26,
    backend: "bird",
    ipipMode: "Never",
    vxlanMode: "Never",
  },
  apply: [
    noMesh,
    ...racks.flatMap((rack) =>
      rack.hosts.map((one) =>
        nodeResource({ host: one, subnet: rack.subnet, labels: inRack(rack), asNumber: rack.nodesAs }),
      ),
    ),
    ...racks.map((rack) =>
      gatewayPeer(rack.subnet, `rack == '${rack.subnet.name}'`, {
        asNumber: rack.routerAs,
        numAllowedLocalASNumbers: 1,
      }),
    ),
  ],
  pods: racks.flatMap(({ hosts }) => hosts.map(({ name }) => pod(`pod-${name}`, name))),
  outside: OUTSIDE,
};

const speakers: readonly RouterSpeaker[] = ["bird", "frr"];

export const torPerRackMixed: Topology = {
  ...torPerRack,
  name: "tor-per-rack-mixed",
  summary: "tor-per-rack with BIRD on tor-1 and FRR on tor-2, from this machine's packages",
  bgpRouters: [...racks.map((rack, index) => top(rack, speakers[index] ?? "ocicat")), spine],
};
