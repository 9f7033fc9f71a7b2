import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ipv4 } from "../../ip/address.ts";
import { ipv4Of, parseAddress } from "../../ip/address.ts";
import { contains } from "../../ip/prefix.ts";
import type { ForeignBaseChain } from "../../netlink/nftables/foreign-chain.ts";
import { awsTwoSubnets } from "../topologies/aws-two-subnets.ts";
import { subnetOf } from "../topology.ts";
import { gatewayMac } from "../underlay/names.ts";
import { type End, type Evidence, explain } from "./explain.ts";
import type { Sighting } from "./sighting.ts";

const POD_1 = parseAddress("192.168.226.65");
const POD_2 = parseAddress("192.168.133.194");
const POD_3 = parseAddress("192.168.97.193");
const ports = new Map([
  ["worker-1", 11],
  ["worker-2", 12],
  ["worker-3", 13],
]);

const docker: ForeignBaseChain = {
  family: "ip",
  table: "filter",
  name: "FORWARD",
  base: { type: "filter", hook: "forward", priority: 0, policy: "drop" },
  owners: ["Docker"],
};

function end(
  pod: string,
  hostName: string,
  address: End["address"],
  change: { check?: boolean; up?: boolean; drop?: boolean; firewall?: boolean } = {},
): End {
  const host = awsTwoSubnets.hosts.find(({ name }) => name === hostName)!;
  const { check = true, up = true, drop = false, firewall = false } = change;
  const policy = { sourceDestinationCheck: check, drop: drop ? [{ protocol: "udp", port: 4789 } as const] : [] };
  return {
    pod,
    address,
    host,
    filter: { host: hostName, device: hostName, address: host.nic.address as Ipv4, policy, cutOff: [] },
    nic: { host: hostName, policy, mtu: 9001, isUp: up },
    port: { router: "vpc", index: ports.get(hostName)! },
    gatewayRouteTo: (to) => {
      const leadsOn = awsTwoSubnets.subnets.some(({ cidr }) => contains(cidr, to));
      return { leadsOn, text: "its best route is that of the gateway" };
    },
    routeTo: () => ({ leadsOn: false, text: "its best route is nothing" }),
    forwardDrops: firewall ? [docker] : [],
  };
}

const outer = (source: string | Ipv4 | bigint, destination: string | Ipv4 | bigint, vxlan: boolean) => ({
  source: typeof source === "string" ? parseAddress(source) : (source as Ipv4),
  destination: typeof destination === "string" ? parseAddress(destination) : (destination as Ipv4),
  protocol: vxlan ? 17 : 1,
  ...(vxlan ? { destinationPort: 4789 } : {}),
  length: 134,
});

const at = (
  host: string,
  outgoing: boolean,
  packet: Sighting["outer"],
  destinationMac = "02:00:00:00:00:01",
): Sighting => ({
  router: "vpc",
  ifIndex: ports.get(host)!,
  outgoing,
  destinationMac,
  encapsulation: packet.protocol === 17 ? "vxlan" : "bare",
  outer: packet,
  line: "LINE",
});

const evidence = (from: End, to: End, seen: Partial<Pick<Evidence, "there" | "back" | "outcome">>): Evidence => ({
  topology: awsTwoSubnets,
  from,
  to,
  octets: 84,
  outcome: { ok: false, ident: 1, why: "timeout" },
  there: [],
  back: [],
  ...seen,
});

const gateway = gatewayMac(subnetOf(awsTwoSubnets, awsTwoSubnets.hosts[1]!.nic));
const bare = outer(POD_1, POD_2, false);
const tunnel = outer("10.30.0.206", "10.30.1.66", true);
const tunnelBack = outer("10.30.1.66", "10.30.0.206", true);

test("the first wire where a packet is missing tells what dropped it", () => {
  const one = end("pod-1", "worker-1", POD_1);
  const two = end("pod-2", "worker-2", POD_2);
  const three = end("pod-3", "worker-3", POD_3);
  const open = (pod: string, host: string, address: End["address"]) => end(pod, host, address, { check: false });
  const cases: readonly [string, Evidence, RegExp][] = [
    [
      "check at the sender",
      evidence(one, two, { there: [at("worker-1", false, bare)] }),
      /^dropped by the source\/destination check at worker-1's NIC \(source is not 10.30.0.206\)/,
    ],
    [
      "check at the receiver",
      evidence(open("pod-1", "worker-1", POD_1), two, { there: [at("worker-1", false, bare)] }),
      /^dropped by the source\/destination check at worker-2's NIC \(destination is not 10.30.0.56\)/,
    ],
    [
      "a gateway without a route",
      evidence(open("pod-1", "worker-1", POD_1), open("pod-3", "worker-3", POD_3), {
        there: [at("worker-1", false, outer(POD_1, POD_3, false), gateway)],
      }),
      /^gateway vpc \(10.30.0.1\) has no route to 192.168.97.193/,
    ],
    [
      "a tunnel to an address that is no NIC's",
      evidence(one, three, {
        there: [at("worker-1", false, outer("10.30.0.206", "172.17.0.1", true), gateway)],
      }),
      /^gateway vpc \(10.30.0.1\) has no route to 172.17.0.1, where worker-1 sends what is for worker-3, whose NIC has 10.30.1.66/,
    ],
    [
      "a filter",
      evidence(one, end("pod-3", "worker-3", POD_3, { drop: true }), {
        there: [at("worker-1", false, tunnel, gateway)],
      }),
      /^dropped by the filter of UDP port 4789 at worker-3's NIC/,
    ],
    [
      "a wire",
      evidence(one, end("pod-3", "worker-3", POD_3, { up: false }), { there: [at("worker-1", false, tunnel)] }),
      /^worker-3's wire is unplugged/,
    ],
    [
      "the own wire",
      evidence(end("pod-1", "worker-1", POD_1, { up: false }), three, {}),
      /^worker-1's wire is unplugged/,
    ],
    ["no route", evidence(one, three, {}), /^worker-1 sent nothing for it: its best route is nothing/],
    [
      "no pod",
      evidence(one, three, { there: [at("worker-1", false, tunnel), at("worker-3", true, tunnel)] }),
      /^arrived at worker-3's NIC, but pod-3 did not answer/,
    ],
    [
      "the answer",
      evidence(end("pod-1", "worker-1", POD_1, { drop: true }), three, {
        there: [at("worker-1", false, tunnel), at("worker-3", true, tunnel)],
        back: [at("worker-3", false, tunnelBack)],
      }),
      /^the answer: dropped by the filter of UDP port 4789 at worker-1's NIC/,
    ],
    [
      "the last step",
      evidence(one, three, {
        there: [at("worker-1", false, tunnel), at("worker-3", true, tunnel)],
        back: [at("worker-3", false, tunnelBack), at("worker-1", true, tunnelBack)],
      }),
      /^the answer arrived at worker-1's NIC, but not in pod-1/,
    ],
    [
      "a firewall at the sender",
      evidence(end("pod-1", "worker-1", POD_1, { firewall: true }), three, {}),
      /^worker-1 sent nothing for it: on worker-1, chain ip filter FORWARD \(policy drop, priority 0; Docker\) is not ours/,
    ],
    [
      "a firewall at the receiver",
      evidence(one, end("pod-3", "worker-3", POD_3, { firewall: true }), {
        there: [at("worker-1", false, tunnel), at("worker-3", true, tunnel)],
      }),
      /^arrived at worker-3's NIC, but pod-3 did not answer: on worker-3, chain ip filter FORWARD .* let them pass with nft/,
    ],
    [
      "a firewall on the way back",
      evidence(end("pod-1", "worker-1", POD_1, { firewall: true }), three, {
        there: [at("worker-1", false, tunnel), at("worker-3", true, tunnel)],
        back: [at("worker-3", false, tunnelBack), at("worker-1", true, tunnelBack)],
      }),
      /^the answer arrived at worker-1's NIC, but not in pod-1: on worker-1, chain ip filter FORWARD/,
    ],
    [
      "a firewall between the pods of a host",
      evidence(end("pod-1", "worker-1", POD_1, { firewall: true }), end("pod-4", "worker-1", POD_2), {}),
      /^worker-1 does not carry it between its own pods: on worker-1, chain ip filter FORWARD/,
    ],
    ["refused", evidence(one, three, { outcome: { ok: false, ident: 1, why: "refused" } }), /nothing listens there/],
    ["own host", evidence(two, two, {}), /^worker-2 does not carry it between its own pods/],
  ];
  for (const [name, given, sentence] of cases) assert.match(explain(given), sentence, name);
});

test("a gateway that speaks BGP is told by what it learned", () => {
  const bgpRouters = [{ name: "vpc", speaker: "ocicat", as: 64513, routerId: ipv4Of(1), neighbours: [] } as const];
  const from = end("pod-1", "worker-1", POD_1, { check: false });
  const to = end("pod-3", "worker-3", POD_3, { check: false });
  const handed = { there: [at("worker-1", false, outer(POD_1, POD_3, false), gateway)] };
  const lost = { ...evidence(from, to, handed), topology: { ...awsTwoSubnets, bgpRouters } };
  assert.match(
    explain(lost),
    /^gateway vpc .* no route to 192.168.97.193: none of its 0 BGP neighbours has announced it/,
  );
  const learned = { leadsOn: true, text: "its best route is learned" };
  const passedOn = { ...lost, from: { ...from, gatewayRouteTo: () => learned } };
  assert.match(explain(passedOn), /was not seen at worker-3's; gateway vpc .* had it: its best route is learned$/);
});
