/** A lab as a drawing of lines: the outside, routers, subnets, hosts, pods. */
import { formatAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import type { LabPodRecord } from "../port/lab-record.ts";
import { bgpRouterOf, routersOf, type Topology } from "./topology.ts";

interface Branch {
  readonly text: string;
  readonly below: readonly Branch[];
}

export function drawLab(topology: Topology, pods: readonly LabPodRecord[]): string[] {
  const outside = {
    text: `the Internet ${topology.outside.map(formatAddress).join(", ")}`,
    below: routers(topology, pods),
  };
  return ["", ...draw(outside, "  ", "  ")];
}

const routers = (topology: Topology, pods: readonly LabPodRecord[]): Branch[] =>
  routersOf(topology).map((router) => ({
    text: routerText(topology, router),
    below: topology.subnets
      .filter((subnet) => subnet.router === router)
      .map((subnet) => ({
        text: `${subnet.name} ${formatPrefix(subnet.cidr)}`,
        below: hosts(topology, subnet.name, pods),
      })),
  }));

function routerText(topology: Topology, name: string): string {
  const bgp = bgpRouterOf(topology, name);
  if (!bgp) return `router ${name}: knows its subnets, no pod address`;
  const links = (topology.links ?? []).flatMap(({ between }) =>
    between.includes(name) ? between.filter((end) => end !== name) : [],
  );
  const linked = links.length === 0 ? "" : `, linked to ${links.join(", ")}`;
  return `router ${name}: AS ${bgp.as} (${bgp.speaker}), learns pod addresses by BGP${linked}`;
}

function hosts(topology: Topology, subnet: string, pods: readonly LabPodRecord[]): Branch[] {
  const width = Math.max(...topology.hosts.map(({ name }) => name.length));
  return topology.hosts
    .filter(({ nic }) => nic.subnet === subnet)
    .map((host) => {
      const own = pods.filter((pod) => pod.host === host.name).map((pod) => `${pod.name} ${pod.addresses.join(",")}`);
      const runs = [...(host.name === topology.storeHost ? ["store"] : []), ...own];
      const nic = `${formatAddress(host.nic.address).padEnd(15)} ${host.nic.name}`;
      return { text: `${host.name.padEnd(width)}  ${nic}   ${runs.join(" · ")}`.trimEnd(), below: [] };
    });
}

function draw({ text, below }: Branch, first: string, rest: string): string[] {
  return [
    `${first}${text}`,
    ...below.flatMap((branch, index) =>
      index === below.length - 1 ? draw(branch, `${rest}└─ `, `${rest}   `) : draw(branch, `${rest}├─ `, `${rest}│  `),
    ),
  ];
}
