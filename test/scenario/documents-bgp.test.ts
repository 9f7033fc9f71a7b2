/**
 * The command sessions of the founding documents that need BGP and IP in IP, typed as they stand with `ocicat` for
 * `calicoctl`, as root without `sudo`, with less patience where a document waits ten seconds for nothing.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.ts";
import { cannotRunLabs, rows, Testbed } from "./testbed.ts";

const skip = cannotRunLabs() ?? false;

/** What `node status` prints of a mesh, a box with the addresses of the peers as it sorts them; `HH:MM:SS` for any time. */
const meshStatus = (...peers: readonly string[]): string => `Calico process is running.

IPv4 BGP status
+--------------+-------------------+-------+----------+-------------+
| PEER ADDRESS |     PEER TYPE     | STATE |  SINCE   |    INFO     |
+--------------+-------------------+-------+----------+-------------+
${peers.map((peer) => `| ${peer.padEnd(12)} | node-to-node mesh | up    | HH:MM:SS | Established |`).join("\n")}
+--------------+-------------------+-------+----------+-------------+

IPv6 BGP status
No IPv6 peers found.

`;

/** Waits until a host's `node status` is that of a mesh with these peers. */
const expectMesh = (bed: Testbed, host: string, ...peers: readonly string[]): Promise<void> =>
  eventually(async () => {
    const shown = await bed.types(host, "ocicat node status");
    assert.equal(shown.replaceAll(/\d\d:\d\d:\d\d/g, "HH:MM:SS"), meshStatus(...peers));
  }, 60_000);

/** `route -n` or `ip route`, names of pods' devices left out where the document's pods are not known. */
const listed = async (bed: Testbed, host: string, command: string): Promise<readonly string[]> =>
  rows((await bed.types(host, command)).replaceAll(/cali[0-9a-f]{11}/g, "cali…"));

describe("routing modes of a cloud, as document 000 types them", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("aws-two-subnets");
  });
  after(() => bed?.close());

  /** `route -n` on worker-1, the lines to other hosts' blocks: by worker-3's, worker-2's and master's. */
  const expectRoutes = (...lines: readonly string[]): Promise<void> =>
    eventually(async () => {
      const table = await listed(bed, "worker-1", "route -n");
      assert.deepEqual(
        table.filter((row) => /^192\.168\.\d+\.\d+ .* UG /.test(row)),
        lines,
      );
    }, 60_000);
  const curl = async (text: string): Promise<void> =>
    eventually(async () => assert.match(await bed.types("pod-1", text), /hello 192\.168\.226\.65/), 60_000);
  const curlTimesOut = async (text: string): Promise<string> => {
    const { code, stdout, stderr } = await bed.terminal("pod-1", text);
    assert.equal(code, 28, `${text}\n${stdout}${stderr}`);
    return stderr;
  };

  test("ocicat node status", () => expectMesh(bed, "master", "10.30.0.206", "10.30.0.56", "10.30.1.66"));

  test("route -n on master, with its two pods", async () => {
    await bed.ocicat("lab", "pod", "add", "one", "--on", "master");
    await bed.ocicat("lab", "pod", "add", "two", "--on", "master");
    assert.deepEqual(await listed(bed, "master", "route -n"), [
      "Kernel IP routing table",
      "Destination Gateway Genmask Flags Metric Ref Use Iface",
      "0.0.0.0 10.30.0.1 0.0.0.0 UG 100 0 0 ens5",
      "10.30.0.0 0.0.0.0 255.255.255.0 U 0 0 0 ens5",
      "10.30.0.1 0.0.0.0 255.255.255.255 UH 100 0 0 ens5",
      "172.17.0.0 0.0.0.0 255.255.0.0 U 0 0 0 docker0",
      "192.168.97.192 10.30.1.66 255.255.255.192 UG 0 0 0 tunl0",
      "192.168.133.192 10.30.0.56 255.255.255.192 UG 0 0 0 tunl0",
      "192.168.219.64 0.0.0.0 255.255.255.192 U 0 0 0 *",
      "192.168.219.65 0.0.0.0 255.255.255.255 UH 0 0 0 cali…",
      "192.168.219.66 0.0.0.0 255.255.255.255 UH 0 0 0 cali…",
      "192.168.226.64 10.30.0.206 255.255.255.192 UG 0 0 0 tunl0",
    ]);
  });

  test("curl 192.168.133.194 by IP-in-IP", () => curl("curl 192.168.133.194"));

  test("get, edit and apply of ippool.yaml: no route by tunl0, worker-3's by the gateway, and curl times out", async () => {
    await bed.types("master", `cd ${bed.folder} && ocicat get ippool default-ipv4-ippool -o yaml > ippool.yaml`);
    await bed.types("master", `sed -i -e "s/ipipMode: Always/ipipMode: Never/" ${bed.folder}/ippool.yaml`);
    assert.equal(
      await bed.types("master", `cd ${bed.folder} && ocicat apply -f ippool.yaml`),
      "Successfully applied 1 'IPPool' resource(s)\n",
    );
    await expectRoutes(
      "192.168.97.192 10.30.0.1 255.255.255.192 UG 0 0 0 ens5",
      "192.168.133.192 10.30.0.56 255.255.255.192 UG 0 0 0 ens5",
      "192.168.219.64 10.30.0.136 255.255.255.192 UG 0 0 0 ens5",
    );
    const said = await curlTimesOut("curl -v4 192.168.133.194 --max-time 1");
    assert.match(
      said,
      /Trying 192\.168\.133\.194:80\.\.\.[\s\S]*curl: \(28\) Connection timed out after \d+ milliseconds/,
    );
  });

  test("the check off on every host: pod-2 is reached, pod-3 in the second subnet is not", async () => {
    assert.equal((await bed.shell("ocicat lab underlay set all srcdst=off")).code, 0);
    await curl("curl -v4 192.168.133.194 --max-time 1");
    assert.match(
      await curlTimesOut("curl 192.168.97.193 --max-time 1"),
      /curl: \(28\) Connection timed out after \d+ milliseconds/,
    );
  });

  test("apply of the document's own file with CrossSubnet: tunl0 to worker-3 alone, and all reach", async () => {
    const file = `apiVersion: projectcalico.org/v3
kind: IPPool
metadata:
  name: default-ipv4-ippool
spec:
  blockSize: 26
  cidr: 192.168.0.0/16
  ipipMode: CrossSubnet
  natOutgoing: true
  nodeSelector: all()
  vxlanMode: Never
`;
    await bed.types("master", `cat > ${bed.folder}/ippool.yaml <<'END'\n${file}END`);
    assert.equal(
      await bed.types("master", `cd ${bed.folder} && ocicat apply -f ippool.yaml`),
      "Successfully applied 1 'IPPool' resource(s)\n",
    );
    await expectRoutes(
      "192.168.97.192 10.30.1.66 255.255.255.192 UG 0 0 0 tunl0",
      "192.168.133.192 10.30.0.56 255.255.255.192 UG 0 0 0 ens5",
      "192.168.219.64 10.30.0.136 255.255.255.192 UG 0 0 0 ens5",
    );
    await curl("curl -v4 192.168.133.194 --max-time 1");
    await curl("curl 192.168.97.193 --max-time 1");
  });
});

describe("a packet's life, as document 002 types it", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;
  const pod = "busybox-deployment-8c7dc8548-x6ljh";

  before(async () => {
    bed = await Testbed.up("packet-life");
  });
  after(() => bed?.close());

  /** The last line of `ip route` on controlplane: where node01's block is. */
  const expectWay = (line: string): Promise<void> =>
    eventually(async () => assert.equal((await listed(bed, "controlplane", "ip route")).at(-1), line), 60_000);
  const pings = (): Promise<void> =>
    eventually(
      async () =>
        assert.match(await bed.types(pod, "ping 192.168.196.131 -c 1"), /ttl=62 .*\n(.*\n)*.* 0% packet loss/),
      60_000,
    );

  test("ocicat node status", () => expectMesh(bed, "controlplane", "172.17.0.40"));

  test("ifconfig of the pod's device on the host, and in the pod", async () => {
    assert.match(
      await bed.types("controlplane", "ifconfig cali9861acf9f07"),
      /^cali9861acf9f07: flags=4163<UP,BROADCAST,RUNNING,MULTICAST> {2}mtu 1480$/m,
    );
    assert.match(
      await bed.types(pod, "ifconfig"),
      /^eth0: flags=4163<[A-Z,]+> {2}mtu 1480\n +inet 192\.168\.49\.66 {2}netmask 255\.255\.255\.255/m,
    );
  });

  test("arp, ping, arp: one ping and the pod knows the address that nobody owns", async () => {
    await expectWay("192.168.196.128/26 via 172.17.0.40 dev tunl0 proto bird onlink");
    assert.equal(await bed.types(pod, "arp"), "");
    await pings();
    assert.match(await bed.types(pod, "arp -a -n"), /^\? \(169\.254\.1\.1\) at ee:ee:ee:ee:ee:ee \[ether\] +on eth0$/m);
    assert.equal(await bed.types("node01", "cat /proc/sys/net/ipv4/conf/calib673e730d42/proxy_arp"), "1\n");
  });

  test("get, vi, apply of ippool.yaml: the route goes to ens3, and the ping again", async () => {
    await bed.types("controlplane", `cd ${bed.folder} && ocicat get ippool default-ipv4-ippool -o yaml > ippool.yaml`);
    await bed.types("controlplane", `sed -i -e "s/ipipMode: Always/ipipMode: Never/" ${bed.folder}/ippool.yaml`);
    assert.equal(
      await bed.types("controlplane", `cd ${bed.folder} && ocicat apply -f ippool.yaml`),
      "Successfully applied 1 'IPPool' resource(s)\n",
    );
    await expectWay("192.168.196.128/26 via 172.17.0.40 dev ens3 proto bird");
    await pings();
  });
});
