/**
 * Founding scenario C by VXLAN: what a pod, its host and the wire show of one packet's life, in the documents' own words,
 * seen by iproute2, net-tools, nft, ss and tcpdump.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.ts";
import { cannotRunLabs, Testbed } from "./testbed.ts";

const POD = "busybox-deployment-8c7dc8548-x6ljh";
const NEIGHBOUR = "192.168.49.65";
const FAR = "192.168.196.131";
const ENDPOINT_MAC = "ee:ee:ee:ee:ee:ee";
const LINK_LOCAL = "fe80::ecee:eeff:feee:eeee";

interface LinkJson {
  readonly ifname: string;
  readonly mtu: number;
  readonly address: string;
  readonly addr_info: readonly { readonly family: string; readonly local: string; readonly prefixlen: number }[];
}

const skip = cannotRunLabs() ?? false;

describe("packet-life by VXLAN", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("packet-life", "--backend", "vxlan");
  });
  after(() => bed?.close());

  const addresses = (place: string) => bed.json<LinkJson>(place, "ip", "-j", "address", "show");
  const device = async (place: string, name: string): Promise<LinkJson> => {
    const found = (await addresses(place)).find(({ ifname }) => ifname === name);
    assert.ok(found, `${place} has no ${name}`);
    return found;
  };

  test("a pod has a /32 and a gateway that nobody owns; its ARP table is empty until the first packet", async () => {
    const eth0 = await device(POD, "eth0");
    assert.equal(eth0.mtu, 1450);
    assert.deepEqual(
      eth0.addr_info.filter(({ family }) => family === "inet").map(({ local, prefixlen }) => [local, prefixlen]),
      [["192.168.49.66", 32]],
    );
    assert.deepEqual(await bed.routes(POD), ["default via 169.254.1.1 dev eth0", "169.254.1.1 dev eth0 scope link"]);
    assert.equal(await bed.on(POD, "arp"), "");
    const ping = await bed.on(POD, "ping", FAR, "-c", "1");
    assert.match(ping, /ttl=62 /);
    assert.match(ping, / 0% packet loss/);
    // net-tools prints one blank where busybox prints two; -n, since there is no name server to ask.
    const arp = (await bed.on(POD, "arp", "-an")).trim().replaceAll(/\s+/g, " ");
    assert.equal(arp, `? (169.254.1.1) at ${ENDPOINT_MAC} [ether] on eth0`);
    for (const place of ["controlplane", "node01", POD]) {
      const owned = (await addresses(place)).flatMap(({ addr_info }) => addr_info.map(({ local }) => local));
      assert.ok(!owned.includes("169.254.1.1"), `${place} owns 169.254.1.1`);
    }
  });

  test("pods on one host are one hop nearer", async () => {
    assert.match(await bed.on(POD, "ping", NEIGHBOUR, "-c", "1"), /ttl=63 /);
  });

  test("the host's end of a pod: name, MAC, MTU, no IPv4 address, proxy ARP", async () => {
    const end = await device("controlplane", "cali9861acf9f07");
    assert.deepEqual([end.address, end.mtu], [ENDPOINT_MAC, 1450]);
    assert.deepEqual(
      end.addr_info.map(({ family, local, prefixlen }) => [family, local, prefixlen]),
      [["inet6", LINK_LOCAL, 64]],
    );
    const proxyArp = await bed.on("controlplane", "cat", "/proc/sys/net/ipv4/conf/cali9861acf9f07/proxy_arp");
    assert.equal(proxyArp, "1\n");
  });

  test("routes are those of the documents, VXLAN in place of tunl0", async () => {
    assert.deepEqual(await bed.routes("controlplane"), [
      "default via 172.17.0.1 dev ens3",
      "172.17.0.0/16 dev ens3 proto kernel scope link src 172.17.0.32",
      "172.18.0.0/24 dev docker0 proto kernel scope link src 172.18.0.1",
      "blackhole 192.168.49.64/26 proto 80",
      "192.168.49.65 dev calic22dbe57533 scope link",
      "192.168.49.66 dev cali9861acf9f07 scope link",
      "192.168.196.128/26 via 192.168.196.128 dev vxlan.calico onlink",
    ]);
    assert.deepEqual(await bed.routes("node01"), [
      "default via 172.17.0.1 dev ens3",
      "172.17.0.0/16 dev ens3 proto kernel scope link src 172.17.0.40",
      "172.18.0.0/24 dev docker0 proto kernel scope link src 172.18.0.1",
      "192.168.49.64/26 via 192.168.49.64 dev vxlan.calico onlink",
      "blackhole 192.168.196.128/26 proto 80",
      "192.168.196.129 dev calid4f00d97cb5 scope link",
      "192.168.196.130 dev cali257578b48b6 scope link",
      "192.168.196.131 dev calib673e730d42 scope link",
    ]);
  });

  test("tunnel addresses and MACs follow from blocks and names, and each host knows the other's", async () => {
    const hosts = [
      { name: "controlplane", tunnel: "192.168.49.64", mac: "66:a5:cc:c1:86:97", address: "172.17.0.32" },
      { name: "node01", tunnel: "192.168.196.128", mac: "66:aa:99:2f:dc:24", address: "172.17.0.40" },
    ] as const;
    for (const [index, { name, tunnel, mac }] of hosts.entries()) {
      const own = await device(name, "vxlan.calico");
      assert.deepEqual([own.address, own.mtu], [mac, 1450]);
      const ipv4 = own.addr_info.filter(({ family }) => family === "inet");
      assert.deepEqual(
        ipv4.map(({ local, prefixlen }) => [local, prefixlen]),
        [[tunnel, 32]],
      );
      const other = hosts[1 - index];
      const neighbours = await bed.json<{ dst: string; lladdr: string; state: string[] }>(
        name,
        ...["ip", "-j", "neigh", "show", "dev", "vxlan.calico", "nud", "permanent"],
      );
      assert.deepEqual(
        neighbours.map(({ dst, lladdr }) => [dst, lladdr]),
        [[other?.tunnel, other?.mac]],
      );
      const forwarding = await bed.json<{ mac: string; dst?: string; state?: string }>(
        name,
        ...["bridge", "-j", "fdb", "show", "dev", "vxlan.calico"],
      );
      assert.deepEqual(
        forwarding.map(({ mac: entry, dst, state }) => [entry, dst, state]),
        [[other?.mac, other?.address, "permanent"]],
      );
    }
  });

  test("on the wire: UDP 4789, VNI 4096, between the hosts, inside it the two tunnel devices", async () => {
    const packets = await bed.capture("controlplane", "ens3", "udp port 4789", () =>
      bed.on(POD, "ping", FAR, "-c", "1"),
    );
    const request = packets
      .split("\n")
      .findIndex((line) => /172\.17\.0\.32\.\d+ > 172\.17\.0\.40\.4789: VXLAN/.test(line));
    assert.ok(request >= 0, packets);
    const [outer = "", inner = ""] = packets.split("\n").slice(request);
    assert.match(outer, /vni 4096/);
    assert.match(
      inner,
      /66:a5:cc:c1:86:97 > 66:aa:99:2f:dc:24.*192\.168\.49\.66 > 192\.168\.196\.131: ICMP echo request/,
    );
    // 84 octets of ping, 14 of the inner Ethernet header, 50 that VXLAN adds.
    assert.match(outer, /length 148:/);
    assert.match(inner, /length 98:/);
  });

  test("the Internet is reached with the node's address as source", async () => {
    const packets = await bed.capture("controlplane", "ens3", "icmp and host 8.8.8.8", () =>
      bed.on(POD, "ping", "8.8.8.8", "-c", "1"),
    );
    assert.match(packets, /172\.17\.0\.32 > 8\.8\.8\.8: ICMP echo request/);
    assert.match(packets, /8\.8\.8\.8 > 172\.17\.0\.32: ICMP echo reply/);
    assert.doesNotMatch(packets, /192\.168\./);
  });

  test("the runtime's folders: one configuration with the whole chain, the plugins, and a log that is written", async () => {
    assert.deepEqual((await bed.on("controlplane", "ls", "/etc/cni/net.d")).split("\n"), ["10-calico.conflist", ""]);
    const config = JSON.parse(await bed.on("controlplane", "cat", "/etc/cni/net.d/10-calico.conflist")) as {
      name: string;
      cniVersion: string;
      plugins: Record<string, unknown>[];
    };
    assert.deepEqual([config.name, config.cniVersion], ["k8s-pod-network", "0.3.1"]);
    const [calico, ...chained] = config.plugins;
    assert.deepEqual(calico, {
      type: "calico",
      log_level: "info",
      log_file_path: "/var/log/calico/cni/cni.log",
      datastore_type: "etcdv3",
      nodename: "controlplane",
      // Whatever fits the encapsulation: the pods have 1450.
      mtu: 0,
      ipam: { type: "calico-ipam" },
      policy: { type: "k8s" },
    });
    const installed = (await bed.on("controlplane", "ls", "/opt/cni/bin")).trim().split("\n");
    const standard = [
      { type: "portmap", snat: true, capabilities: { portMappings: true } },
      { type: "bandwidth", capabilities: { bandwidth: true } },
    ];
    // Debian's containernetworking-plugins, which the tests install.
    const wanted = fs.existsSync("/usr/lib/cni/portmap") ? standard : [];
    for (const name of ["calico", "calico-ipam", "install", ...wanted.map(({ type }) => type)]) {
      assert.ok(installed.includes(name), name);
    }
    assert.deepEqual(chained, wanted);
    assert.match(await bed.on("controlplane", "cat", "/var/log/calico/cni/cni.log"), /CNI call done command=ADD/);
  });

  test("no process listens on or dials the port of BGP, and yet every block is routed", async () => {
    for (const host of ["controlplane", "node01"]) {
      const sockets = await bed.on(host, "ss", "-H", "-a", "-t", "-n");
      assert.doesNotMatch(sockets, /:179\b/, host);
    }
  });

  test("the probes of calico-node, without BIRD's", async () => {
    for (const probe of ["-felix-live", "-felix-ready"]) {
      const outcome = await bed.tryOn("node01", "ocicat", "node", probe);
      assert.equal(outcome.code, 0, outcome.stdout + outcome.stderr);
    }
  });

  test("a pool that carries nothing between nodes is reported as such", async () => {
    const setMode = (mode: string) =>
      bed.ocicat("patch", "ippool", "default-ipv4-ippool", "-p", `{"spec":{"vxlanMode":"${mode}"}}`);
    await setMode("Never");
    await eventually(async () => {
      const { stdout } = await bed.ocicat("node", "show", "controlplane");
      assert.match(stdout, /default-ipv4-ippool has vxlanMode Never, and backend vxlan carries nothing else/);
    });
    assert.notEqual((await bed.tryOn(POD, "ping", "-W", "1", "-c", "1", FAR)).code, 0);
    await setMode("Always");
    await eventually(async () => assert.match(await bed.on(POD, "ping", "-W", "1", "-c", "1", FAR), /ttl=62 /));
  });

  test("workload endpoints are listed while there are any, else the heading alone", async () => {
    const listed = async (): Promise<string[]> => {
      const { stdout } = await bed.ocicat("get", "workloadendpoints");
      return stdout.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim().replaceAll(/\s+/g, " ")]));
    };
    const heading = "WORKLOAD NODE NETWORKS INTERFACE";
    assert.deepEqual(await listed(), [
      heading,
      "busybox-deployment-8c7dc8548-x6ljh controlplane 192.168.49.66/32 cali9861acf9f07",
      "busybox-deployment-8c7dc8548-btnkv node01 192.168.196.131/32 calib673e730d42",
    ]);
    await bed.ocicat("lab", "pod", "rm", "busybox-deployment-8c7dc8548-x6ljh", "busybox-deployment-8c7dc8548-btnkv");
    assert.deepEqual(await listed(), [heading]);
    const links = await bed.json<LinkJson>("controlplane", "ip", "-j", "link", "show");
    assert.ok(!links.some(({ ifname }) => ifname === "cali9861acf9f07"));
    assert.ok(!(await bed.routes("controlplane")).some((route) => route.includes("192.168.49.66")));
  });
});
