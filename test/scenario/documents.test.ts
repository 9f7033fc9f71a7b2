/**
 * The command sessions of the founding documents, typed as they stand with `ocicat` for `calicoctl`, by VXLAN where the
 * documents have tunl0. None needs Kubernetes; `documents-bgp.test.ts` has those that need BGP and IP in IP.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.ts";
import { cannotRunLabs, rows, Testbed } from "./testbed.ts";

const skip = cannotRunLabs() ?? false;

describe("routing modes of a cloud, as documents 000, 001 and 004 type them", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("aws-two-subnets", "--backend", "vxlan");
  });
  after(() => bed?.close());

  const routesTo = async (place: string, block: string): Promise<readonly string[]> =>
    rows(await bed.types(place, "route -n")).filter((row) => row.startsWith(`${block} `));

  test("curl 192.168.133.194", async () => {
    assert.match(
      await bed.types("pod-1", "curl 192.168.133.194"),
      /pod-2 \(192\.168\.133\.194\) on worker-2, hello 192\.168\.226\.65/,
    );
  });

  test("route -n", async () => {
    const table = rows(await bed.types("master", "route -n"));
    assert.equal(table[1], "Destination Gateway Genmask Flags Metric Ref Use Iface");
    for (const row of [
      "0.0.0.0 10.30.0.1 0.0.0.0 UG 100 0 0 ens5",
      "10.30.0.0 0.0.0.0 255.255.255.0 U 0 0 0 ens5",
      "10.30.0.1 0.0.0.0 255.255.255.255 UH 100 0 0 ens5",
      "172.17.0.0 0.0.0.0 255.255.0.0 U 0 0 0 docker0",
      "192.168.97.192 192.168.97.192 255.255.255.192 UG 0 0 0 vxlan.calico",
      "192.168.133.192 192.168.133.192 255.255.255.192 UG 0 0 0 vxlan.calico",
      "192.168.226.64 192.168.226.64 255.255.255.192 UG 0 0 0 vxlan.calico",
    ]) {
      assert.ok(table.includes(row), `no '${row}' in\n${table.join("\n")}`);
    }
    assert.deepEqual(await routesTo("worker-1", "192.168.226.64"), [
      "192.168.226.64 0.0.0.0 255.255.255.192 U 0 0 0 *",
    ]);
  });

  test("ocicat get ippool -o wide", async () => {
    assert.deepEqual(rows(await bed.types("master", "ocicat get ippool -o wide")), [
      "NAME CIDR NAT IPIPMODE VXLANMODE DISABLED DISABLEBGPEXPORT SELECTOR",
      "default-ipv4-ippool 192.168.0.0/16 true Never Always false false all()",
    ]);
  });

  test("the tunnel device, its neighbours and its forwarding database", async () => {
    const device = await bed.types("worker-1", "ip -d link show vxlan.calico");
    assert.match(device, /vxlan id 4096 local 10\.30\.0\.206 dev ens5 .*dstport 4789 nolearning .*udpcsum/);
    const neighbours = rows(await bed.types("worker-1", "ip neigh show | grep vxlan.calico"));
    assert.ok(
      neighbours.some((row) => /^192\.168\.97\.192 dev vxlan\.calico lladdr 66:[0-9a-f:]{14} PERMANENT$/.test(row)),
      neighbours.join("\n"),
    );
    const forwarding = rows(await bed.types("worker-1", "bridge fdb | grep vxlan.calico"));
    assert.ok(
      forwarding.some((row) => /^66:[0-9a-f:]{14} dev vxlan\.calico dst 10\.30\.1\.66 self permanent$/.test(row)),
      forwarding.join("\n"),
    );
  });

  test("from a node's own terminal a pod of another node is reached, from the tunnel's address", async () => {
    assert.match(await bed.types("worker-1", "ping -c 1 192.168.97.193"), / 0% packet loss/);
    assert.match(await bed.types("worker-1", "curl -s 192.168.97.193"), /hello 192\.168\.226\.64/);
  });

  test("get, edit, apply; curl times out while nothing carries, and works in CrossSubnet with the check off", async () => {
    await bed.types("master", `cd ${bed.folder} && ocicat get ippool default-ipv4-ippool -o yaml > ippool.yaml`);
    await bed.types("master", `sed -i -e "s/vxlanMode: Always/vxlanMode: Never/" ${bed.folder}/ippool.yaml`);
    const applied = await bed.types("master", `cd ${bed.folder} && ocicat apply -f ippool.yaml`);
    assert.equal(applied, "Successfully applied 1 'IPPool' resource(s)\n");
    await eventually(async () => assert.deepEqual(await routesTo("worker-1", "192.168.133.192"), []));
    const [same, other] = await Promise.all([
      bed.terminal("pod-1", "curl -v4 192.168.133.194 --max-time 10"),
      bed.terminal("pod-1", "curl 192.168.97.193 --max-time 10"),
    ]);
    assert.deepEqual([same.code, other.code], [28, 28]);
    assert.match(same.stderr, /curl: \(28\)/);

    assert.equal((await bed.shell("ocicat lab underlay set all srcdst=off")).code, 0);
    const piped = await bed.types(
      "master",
      'ocicat get ippool default-ipv4-ippool -o yaml | sed -e "s/vxlanMode: Never/vxlanMode: CrossSubnet/" | ocicat apply -f -',
    );
    assert.equal(piped, "Successfully applied 1 'IPPool' resource(s)\n");
    await eventually(async () =>
      assert.deepEqual(await routesTo("worker-1", "192.168.133.192"), [
        "192.168.133.192 10.30.0.56 255.255.255.192 UG 0 0 0 ens5",
      ]),
    );
    await eventually(async () => assert.match(await bed.types("pod-1", "curl -v4 192.168.133.194"), /hello/));
    assert.match(await bed.types("pod-1", "curl 192.168.97.193 --max-time 10"), /hello/);
  });

  test("tcpdump at the NIC sees the pods' own addresses only where nothing encapsulates", async () => {
    const bare = await bed.capture("worker-1", "ens5", "src 192.168.226.65 and dst 192.168.133.194", () =>
      bed.types("pod-1", "curl -s 192.168.133.194"),
    );
    assert.match(bare, /192\.168\.226\.65\.\d+ > 192\.168\.133\.194\.80/);
    const tunnelled = await bed.capture("worker-1", "ens5", "src 192.168.226.65 and dst 192.168.97.193", () =>
      bed.types("pod-1", "curl -s 192.168.97.193"),
    );
    assert.equal(tunnelled.trim(), "");
  });
});

describe("a packet's life, as document 002 types it", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;
  const pod = "busybox-deployment-8c7dc8548-x6ljh";

  before(async () => {
    bed = await Testbed.up("packet-life", "--backend", "vxlan");
  });
  after(() => bed?.close());

  test("on the host", async () => {
    assert.equal(await bed.types("controlplane", "cat /proc/sys/net/ipv4/conf/cali9861acf9f07/proxy_arp"), "1\n");
    assert.equal(await bed.types("controlplane", "cd /etc/cni/net.d/; ls"), "10-calico.conflist\n");
    assert.match(
      await bed.types("controlplane", "cd /etc/cni/net.d/; cat 10-calico.conflist"),
      /"name": "k8s-pod-network"/,
    );
    assert.match(
      await bed.types("controlplane", "cd /opt/cni/bin; ls"),
      /\bcalico\n(.*\n)*calico-ipam\n(.*\n)*install\n/,
    );
    const device = await bed.types("controlplane", "ifconfig cali9861acf9f07");
    assert.match(device, /^cali9861acf9f07: flags=4163<UP,BROADCAST,RUNNING,MULTICAST> {2}mtu 1450$/m);
    assert.match(device, /inet6 fe80::ecee:eeff:feee:eeee {2}prefixlen 64 {2}scopeid 0x20<link>/);
    assert.match(device, /ether ee:ee:ee:ee:ee:ee/);
    assert.doesNotMatch(device, /inet /);
    assert.deepEqual(rows(await bed.types("controlplane", "ocicat get workloadendpoints")), [
      "WORKLOAD NODE NETWORKS INTERFACE",
      "busybox-deployment-8c7dc8548-x6ljh controlplane 192.168.49.66/32 cali9861acf9f07",
      "busybox-deployment-8c7dc8548-btnkv node01 192.168.196.131/32 calib673e730d42",
    ]);
  });

  test("in the pod", async () => {
    assert.match(
      await bed.types(pod, "ifconfig"),
      /^eth0: flags=4163<[A-Z,]+> {2}mtu 1450\n +inet 192\.168\.49\.66 {2}netmask 255\.255\.255\.255/m,
    );
    assert.deepEqual(rows(await bed.types(pod, "ip route")), [
      "default via 169.254.1.1 dev eth0",
      "169.254.1.1 dev eth0 scope link",
    ]);
    assert.equal(await bed.types(pod, "arp"), "");
    assert.match(
      await bed.types(pod, "ping 192.168.196.131 -c 1"),
      /ttl=62 .*\n(.*\n)*1 packets transmitted, 1 received, 0% packet loss/,
    );
    // net-tools prints as a table what busybox prints as lines, unless asked by -a.
    assert.match(await bed.types(pod, "arp -a -n"), /^\? \(169\.254\.1\.1\) at ee:ee:ee:ee:ee:ee \[ether\] +on eth0$/m);
    assert.match(await bed.types(pod, "ping 8.8.8.8 -c 1"), / 0% packet loss/);
  });
});
