/**
 * What an agent does for IP-in-IP on a node of the bed, as a process of its own in the node's namespace: makes the tunnel
 * to one other node through the drivers that a node has, says `ready` or why not, keeps the device, and waits to be killed. Where
 * `process` is asked for, its kernel refuses bpf(2).
 *
 *     ipip-agent.ts ADDRESS TUNNEL-ADDRESS OTHER-ADDRESS OTHER-BLOCK bpf|process FOLDER
 */
import { SystemClock } from "../adapter/clock.ts";
import { FragmentJoiner } from "../adapter/ipip/fragment-joiner.ts";
import { LinuxBpf } from "../adapter/linux/bpf.ts";
import { LinuxNamespaces } from "../adapter/linux/namespaces.ts";
import { tunnelMac } from "../bpf/ipip-frame.ts";
import { calicoTable } from "../compile/calico-table.ts";
import { keyOf } from "../compile/items.ts";
import { tunnelInput } from "../compile/tunnels/ipip-input.ts";
import { type Ipv4, parseAddress } from "../ip/address.ts";
import { formatPrefix, parsePrefix } from "../ip/prefix.ts";
import { openKernel } from "../program/node/kernel.ts";
import type { Failure } from "../reconcile/driver.ts";
import { sourceOf, tunnelOf } from "./ipip-bed.ts";
import { refusedBpf } from "./refused-bpf.ts";
import { SilentLog } from "./silent-log.ts";
import { tunnelProcessAt } from "./tunnel-process-at.ts";

const [, , address = "", tunnelAddress = "", other = "", block = "", carrier = "", folder = ""] = process.argv;
const namespace = new LinuxNamespaces().own();
const log = new SilentLog();
const metrics = { count: () => undefined, set: () => undefined };
const kernel = await openKernel({
  namespace,
  bpf: carrier === "process" ? refusedBpf : new LinuxBpf(),
  // It shall outlive this process, and not the test's.
  tunnelServer: tunnelProcessAt(namespace, folder, process.ppid),
  fragments: new FragmentJoiner({ namespace, log, metrics }),
  clock: new SystemClock(),
  log,
  metrics,
  removesExternal: () => true,
  prefixes: () => [],
});
const { tables, links, addresses, neighbours, tunnelSources, routes } = kernel.drivers;
const gateway = parseAddress(other) as Ipv4;
const items = {
  table: calicoTable(4, [tunnelInput([gateway])]),
  link: tunnelOf({ address }),
  address: { device: "tunl0", address: parsePrefix(`${tunnelAddress}/32`) },
  neighbour: { device: "tunl0", address: gateway, mac: tunnelMac(gateway) },
  source: sourceOf({ address: other }),
  route: {
    table: 254,
    destination: formatPrefix(parsePrefix(block)),
    type: "unicast",
    protocol: 12,
    scope: 0,
    metric: 0,
    nextHops: [{ device: "tunl0", gateway, onlink: true }],
  },
} as const;
const apply = async (): Promise<readonly Failure[]> => [
  ...(await tables.apply([{ op: "add", key: keyOf.tables(items.table), value: items.table }])),
  ...(await links.apply([{ op: "add", key: keyOf.links(items.link), value: items.link }])),
  ...(await addresses.apply([{ op: "add", key: keyOf.addresses(items.address), value: items.address }])),
  ...(await neighbours.apply([{ op: "add", key: keyOf.neighbours(items.neighbour), value: items.neighbour }])),
  ...(await tunnelSources.apply([{ op: "add", key: keyOf.tunnelSources(items.source), value: items.source }])),
  ...(await routes.apply([{ op: "add", key: keyOf.routes(items.route), value: items.route }])),
];
const failures = await apply();
process.stdout.write(`${failures[0] ? failures[0].error.message : "ready"}\n`);
kernel.links.listen({
  changed: ({ before, after }) => {
    if (before?.name === items.link.name && !after) void apply().then(() => process.stdout.write("made again\n"));
  },
  lost: () => undefined,
});
setInterval(() => undefined, 60_000);
