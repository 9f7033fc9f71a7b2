/**
 * Founding scenario C with BGP: the listings of document 002 by IP-in-IP and Direct, what the wire shows, MTUs, and the
 * backend changed to vxlan and back on the running lab.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.ts";
import { cannotRunLabs, Testbed } from "./testbed.ts";

const POD = "busybox-deployment-8c7dc8548-x6ljh";
const FAR = "192.168.196.131";

/** `ip route` of both nodes, with what leads from each to the other's block. */
const listings = (toNode01: string, toControlplane: string, protocol: string) => ({
  controlplane: [
    "default via 172.17.0.1 dev ens3",
    "172.17.0.0/16 dev ens3 proto kernel scope link src 172.17.0.32",
    "172.18.0.0/24 dev docker0 proto kernel scope link src 172.18.0.1",
    `blackhole 192.168.49.64/26 proto ${protocol}`,
    "192.168.49.65 dev calic22dbe57533 scope link",
    "192.168.49.66 dev cali9861acf9f07 scope link",
    `192.168.196.128/26 via ${toNode01}`,
  ],
  node01: [
    "default via 172.17.0.1 dev ens3",
    "172.17.0.0/16 dev ens3 proto kernel scope link src 172.17.0.40",
    "172.18.0.0/24 dev docker0 proto kernel scope link src 172.18.0.1",
    `192.168.49.64/26 via ${toControlplane}`,
    `blackhole 192.168.196.128/26 proto ${protocol}`,
    "192.168.196.129 dev calid4f00d97cb5 scope link",
    "192.168.196.130 dev cali257578b48b6 scope link",
    "192.168.196.131 dev calib673e730d42 scope link",
  ],
});
const IPIP = listings("172.17.0.40 dev tunl0 proto bird onlink", "172.17.0.32 dev tunl0 proto bird onlink", "bird");
const DIRECT = listings("172.17.0.40 dev ens3 proto bird", "172.17.0.32 dev ens3 proto bird", "bird");

const skip = cannotRunLabs() ?? false;

describe("packet-life by BGP", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("packet-life");
  });
  after(() => bed?.close());

  const lists = (expected: typeof IPIP) =>
    eventually(async () => {
      for (const [host, routes] of Object.entries(expected)) assert.deepEqual(await bed.routes(host), routes, host);
    }, 60_000);
  const mtuOf = async (place: string, device: string): Promise<number | undefined> =>
    (await bed.json<{ mtu: number }>(place, "ip", "-j", "link", "show", device))[0]?.mtu;
  const patch = async (ipipMode: string, vxlanMode: string): Promise<void> => {
    const spec = JSON.stringify({ spec: { ipipMode, vxlanMode } });
    assert.equal((await bed.ocicat("patch", "ippool", "default-ipv4-ippool", "-p", spec)).code, 0);
  };
  const reaches = () =>
    eventually(async () => assert.match(await bed.on(POD, "ping", FAR, "-c", "1", "-W", "1"), /ttl=62 /), 60_000);

  test("ip route by IP-in-IP, and one peer", async () => {
    await lists(IPIP);
    assert.match(
      await bed.on("controlplane", "ocicat", "node", "status"),
      /\| 172\.17\.0\.40 +\| node-to-node mesh \| up /,
    );
    assert.equal((await bed.ocicat("verify")).code, 0);
  });

  test("IP-in-IP: ttl=62, protocol 4 between the hosts, 20 octets less for pods and tunnel", async () => {
    await reaches();
    const wire = await bed.capture("controlplane", "ens3", "ip proto 4", () => bed.on(POD, "ping", FAR, "-c", "1"));
    assert.match(
      wire,
      /length 118: 172\.17\.0\.32 > 172\.17\.0\.40: (IP )?192\.168\.49\.66 > 192\.168\.196\.131: ICMP echo request/,
    );
    for (const [place, device] of [
      ["controlplane", "tunl0"],
      ["controlplane", "cali9861acf9f07"],
      [POD, "eth0"],
    ] as const) {
      assert.equal(await mtuOf(place, device), 1480, `${place}: ${device}`);
    }
    assert.match(await bed.on(POD, "ping", FAR, "-c", "1", "-M", "do", "-s", "1452"), / 0% packet loss/);
    assert.notEqual((await bed.tryOn(POD, "ping", FAR, "-c", "1", "-W", "1", "-M", "do", "-s", "1453")).code, 0);
  });

  test("Direct: the document's listing, ttl=62, and no protocol 4", async () => {
    await patch("Never", "Never");
    await lists(DIRECT);
    const wire = await bed.capture("controlplane", "ens3", "icmp or ip proto 4", () =>
      bed.on(POD, "ping", FAR, "-c", "1"),
    );
    assert.match(wire, /length 98: 192\.168\.49\.66 > 192\.168\.196\.131: ICMP echo request/);
    assert.doesNotMatch(wire, /172\.17\.0\.32 > 172\.17\.0\.40/);
    await reaches();
  });

  test("the backend is changed to vxlan and back: BGP goes with its port, and comes again", async () => {
    // The kernel keeps what is over for a minute more, at the end that closed first.
    const sockets = () => bed.on("node01", "ss", "-H", "-t", "-n", "state", "all", "exclude", "time-wait");
    assert.match(await sockets(), /:179\b/);
    const changed = await bed.ocicat("lab", "backend", "vxlan");
    assert.equal(changed.stdout, "all agents run with backend vxlan\n", changed.stderr);
    await patch("Never", "Always");
    await eventually(async () => {
      for (const host of ["controlplane", "node01"]) {
        const routes = await bed.routes(host);
        assert.ok(
          routes.some((route) => /^192\.168\.\d+\.\d+\/26 via \S+ dev vxlan\.calico onlink$/.test(route)),
          routes.join("\n"),
        );
        assert.ok(!routes.some((route) => route.includes("proto bird")), routes.join("\n"));
      }
      assert.doesNotMatch(await sockets(), /:179\b/);
    }, 60_000);
    await reaches();
    assert.equal((await bed.ocicat("verify")).code, 0);
    assert.equal((await bed.ocicat("lab", "backend", "bird")).code, 0);
    await patch("Always", "Never");
    await lists(IPIP);
    await reaches();
    assert.equal((await bed.ocicat("verify")).code, 0);
  });
});
