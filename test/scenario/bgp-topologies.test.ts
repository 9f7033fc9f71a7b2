/**
 * The shipped topologies that turn on BGP: founding scenario B and its case with a router among the peers, route
 * reflectors, and racks that are ASes of their own behind routers of three makes.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { expectPaths, matrix } from "./check-matrix.ts";
import { eventually } from "./eventually.ts";
import { descendants, isRunning } from "./process-tree.ts";
import { cannotRunLabs, missingSpeaker, rows, Testbed } from "./testbed.ts";
import { assertNothingLost, underTraffic } from "./traffic.ts";

const skip = cannotRunLabs() ?? false;

type IpipMode = "Always" | "CrossSubnet" | "Never";

async function patched(bed: Testbed, kind: string, name: string, spec: object): Promise<void> {
  const { code, stdout, stderr } = await bed.ocicat("patch", kind, name, "-p", JSON.stringify({ spec }));
  assert.equal(code, 0, stdout + stderr);
}

const setMode = (bed: Testbed, ipipMode: IpipMode) => patched(bed, "ippool", "default-ipv4-ippool", { ipipMode });

/** Waits until a host's `ip route` has these lines. */
const expectRoutes = (bed: Testbed, host: string, ...lines: readonly string[]) =>
  eventually(async () => {
    const routes = await bed.routes(host);
    for (const line of lines) assert.ok(routes.includes(line), `${host} lacks '${line}':\n${routes.join("\n")}`);
  }, 60_000);

/** The sessions of `node status` on a host: address and state, as its table has them. */
async function sessions(bed: Testbed, host: string): Promise<readonly string[]> {
  const table = await bed.on(host, "ocicat", "node", "status");
  return [...table.matchAll(/^\| (\d\S+) +\| (\S.*?) +\| (\S+) +\|/gm)].map(
    ([, address, type, state]) => `${address} ${type} ${state}`,
  );
}

const expectSessions = (bed: Testbed, host: string, ...wanted: readonly string[]) =>
  eventually(async () => assert.deepEqual(await sessions(bed, host), wanted), 60_000);

/** Founding scenario B. */
const PODS = { pod1: "172.16.158.3", pod2: "172.16.184.4", pod3: "172.16.34.1" };

describe("kans-cross-subnet", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("kans-cross-subnet");
  });
  after(() => bed?.close());

  test("blocks and pods have the document's addresses", async () => {
    const { stdout } = await bed.ocicat("lab", "pod", "list");
    for (const [name, address] of Object.entries(PODS)) {
      assert.match(stdout, new RegExp(`\\b${name} .*\\b${address.replaceAll(".", "\\.")}\\b`));
    }
  });

  test("IPIP everywhere until told otherwise", () =>
    expectPaths(bed, { "pod1→pod2": "ipip", "pod2→pod1": "ipip", "pod1→pod3": "ipip", "pod3→pod1": "ipip" }));

  test("Direct, by the document's line: the same subnet yes, the other no", async () => {
    const { stdout } = await bed.terminal(
      "k8s-m",
      'ocicat get ippool default-ipv4-ippool -o yaml | sed -e "s/ipipMode: Always/ipipMode: Never/" | ocicat apply -f -',
    );
    assert.equal(stdout, "Successfully applied 1 'IPPool' resource(s)\n");
    await expectPaths(bed, { "pod1→pod2": "bare", "pod2→pod1": "bare", "pod1→pod3": "no", "pod3→pod1": "no" });
    const reasons = (await matrix(bed)).get("pod1→pod3")?.reasons.join("\n") ?? "";
    assert.match(reasons, /gateway router \(192\.168\.10\.1\) has no route to 172\.16\.34\.1, a pod address/);
  });

  test("CrossSubnet, by the document's line: tunl0 across, the NIC within", async () => {
    const { stdout } = await bed.terminal(
      "k8s-m",
      `ocicat patch ippool default-ipv4-ippool -p '{"spec":{"ipipMode":"CrossSubnet"}}'`,
    );
    assert.equal(stdout, "Successfully patched 1 'IPPool' resource\n");
    const wide = await bed.on("k8s-m", "ocicat", "get", "ippool", "-o", "wide");
    assert.deepEqual(rows(wide), [
      "NAME CIDR NAT IPIPMODE VXLANMODE DISABLED DISABLEBGPEXPORT SELECTOR",
      "default-ipv4-ippool 172.16.0.0/16 true CrossSubnet Never false false all()",
    ]);
    await expectRoutes(
      bed,
      "k8s-w1",
      "172.16.184.0/24 via 192.168.10.102 dev ens5 proto bird",
      "172.16.34.0/24 via 192.168.20.100 dev tunl0 proto bird onlink",
    );
    await expectPaths(bed, { "pod1→pod2": "bare", "pod2→pod1": "bare", "pod1→pod3": "ipip", "pod3→pod1": "ipip" });
  });

  test("captured on k8s-w1: pod1 and pod3 on tunl0, pod1 and pod2 at the NIC alone", async () => {
    const pings = async () => {
      await bed.on("pod1", "ping", "-c", "1", PODS.pod2);
      await bed.on("pod1", "ping", "-c", "1", PODS.pod3);
    };
    const onTunnel = await bed.capture("k8s-w1", "tunl0", "icmp", pings);
    assert.match(onTunnel, /172\.16\.158\.3 > 172\.16\.34\.1: ICMP echo request/);
    assert.doesNotMatch(onTunnel, /172\.16\.184\.4/);
    const atNic = await bed.capture("k8s-w1", "ens5", "icmp or ip proto 4", pings);
    assert.match(atNic, /172\.16\.158\.3 > 172\.16\.184\.4: ICMP echo request/);
    assert.match(
      atNic,
      /192\.168\.10\.101 > 192\.168\.20\.100: (?:IP )?172\.16\.158\.3 > 172\.16\.34\.1: ICMP echo request/,
    );
  });
});

describe("kans-router-peer", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("kans-router-peer");
    await setMode(bed, "Never");
  });
  after(() => bed?.close());

  test("the router has learned each block from its owner, and pods of both subnets reach each other bare", async () => {
    await expectRoutes(
      bed,
      "router",
      "172.16.158.0/24 via 192.168.10.101 dev subnet-1 proto bgp metric 32",
      "172.16.184.0/24 via 192.168.10.102 dev subnet-1 proto bgp metric 32",
      "172.16.34.0/24 via 192.168.20.100 dev subnet-2 proto bgp metric 32",
    );
    await expectRoutes(bed, "k8s-w1", "172.16.34.0/24 via 192.168.10.1 dev ens5 proto bird");
    await expectPaths(bed, { "pod1→pod2": "bare", "pod1→pod3": "bare", "pod3→pod1": "bare", "pod3→pod2": "bare" });
  });

  test("the sessions of a node, and the router in lab status", async () => {
    await expectSessions(
      bed,
      "k8s-w0",
      "192.168.10.10 node-to-node mesh up",
      "192.168.10.101 node-to-node mesh up",
      "192.168.10.102 node-to-node mesh up",
      "192.168.20.1 node specific up",
    );
    const { stdout } = await bed.ocicat("lab", "status");
    assert.match(stdout, /^router +subnet-1,subnet-2 +64512 +ocicat +4 +ready$/m);
  });

  test("a block that the router has not learned is explained by that, and comes back", async () => {
    await bed.on("router", "ip", "route", "del", "172.16.34.0/24");
    const reasons = (await matrix(bed)).get("pod1→pod3")?.reasons.join("\n") ?? "";
    assert.match(
      reasons,
      /gateway router \(192\.168\.10\.1\) has no route to 172\.16\.34\.1: none of its 4 BGP neighbours has announced it/,
    );
    assert.equal((await bed.ocicat("lab", "break", "router", "router")).stdout, "broken: router router\n");
    assert.match((await bed.ocicat("lab", "status")).stdout, /^router .* ocicat +4 +away$/m);
    assert.equal((await bed.ocicat("lab", "heal")).code, 0);
    await expectPaths(bed, { "pod1→pod3": "bare", "pod3→pod1": "bare" });
  });
});

describe("reflectors", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;
  let targets: Readonly<Record<string, string>> = {};
  const toReflectors = ["10.50.0.11 node specific up", "10.50.1.12 node specific up"];

  before(async () => {
    bed = await Testbed.up("reflectors");
    await expectPaths(bed, { "pod-1→pod-2": "ipip", "pod-1→pod-3": "ipip", "pod-3→pod-1": "ipip" });
    const { stdout } = await bed.ocicat("lab", "pod", "list", "-o", "json");
    const pods = JSON.parse(stdout) as readonly { readonly name: string; readonly addresses: readonly string[] }[];
    targets = Object.fromEntries(
      pods.filter(({ name }) => name !== "pod-1").map(({ name, addresses }) => [name, addresses[0] ?? ""]),
    );
  });
  after(() => bed?.close());

  test("nodes peer with the reflectors alone, reflectors with all", async () => {
    await expectSessions(bed, "worker-1", ...toReflectors);
    await expectSessions(
      bed,
      "rr-1",
      "10.50.0.136 node specific up",
      "10.50.0.206 node specific up",
      "10.50.0.56 node specific up",
      "10.50.1.12 node specific up",
      "10.50.1.66 node specific up",
    );
  });

  test("one reflector dies: routes stay, no packet is lost; it comes back", async () => {
    const traffic = await underTraffic(bed, "pod-1", targets, async ({ more }) => {
      await more(500);
      assert.equal((await bed.ocicat("lab", "break", "agent", "rr-1")).code, 0);
      await eventually(async () => assert.notEqual((await sessions(bed, "worker-1"))[0], toReflectors[0]));
      await more(2_000);
      await expectRoutes(bed, "worker-1", "192.168.97.192/26 via 10.50.1.66 dev tunl0 proto bird onlink");
      assert.equal((await bed.ocicat("lab", "heal")).code, 0);
      await expectSessions(bed, "worker-1", ...toReflectors);
      await more(500);
    });
    assertNothingLost(traffic);
  });

  // Reflectors, which have a cluster id, take no part in a mesh.
  const nodes = {
    master: "10.50.0.136",
    "worker-1": "10.50.0.206",
    "worker-2": "10.50.0.56",
    "worker-3": "10.50.1.66",
  };

  /** Every node has these sessions, and its peers have had the time to tell their routes. */
  const haveSessions = async (kinds: { mesh: boolean; reflectors: boolean }) => {
    for (const [name, own] of Object.entries(nodes)) {
      const others = Object.values(nodes).filter((address) => address !== own);
      const meshed = others.map((address) => `${address} node-to-node mesh up`);
      const wanted = [...(kinds.mesh ? meshed : []), ...(kinds.reflectors ? toReflectors : [])];
      await expectSessions(bed, name, ...wanted.sort());
    }
  };

  const storedPeers = async () =>
    (await bed.ocicat("get", "bgppeer", "nodes-to-reflectors", "-o", "yaml", "--export")).stdout;

  test("reflectors to mesh and back on the running lab: no packet is lost", async () => {
    const peers = await storedPeers();
    const traffic = await underTraffic(bed, "pod-1", targets, async ({ more }) => {
      // What is to carry the routes stands before what carried them goes.
      await patched(bed, "bgpconfig", "default", { nodeToNodeMeshEnabled: true });
      await haveSessions({ mesh: true, reflectors: true });
      await more(500);
      assert.equal((await bed.ocicat("delete", "bgppeer", "nodes-to-reflectors")).code, 0);
      await haveSessions({ mesh: true, reflectors: false });
      await more(1_000);
      assert.equal((await bed.ocicatWith(peers, "apply", "-f", "-")).code, 0);
      await haveSessions({ mesh: true, reflectors: true });
      await more(500);
      await patched(bed, "bgpconfig", "default", { nodeToNodeMeshEnabled: false });
      await haveSessions({ mesh: false, reflectors: true });
      await more(1_000);
    });
    assertNothingLost(traffic);
    assert.equal((await bed.ocicat("verify")).code, 0);
  });

  test("the same with what carries the routes taken away first: no packet is lost, and why names what is kept", async () => {
    const why = () => bed.on("worker-1", "ocicat", "bgp", "why", "192.168.97.192/26");
    /** Nothing hangs on a session of before any more. */
    const isTold = (session: RegExp) =>
      eventually(async () => {
        const told = await why();
        assert.match(told, session);
        assert.doesNotMatch(told, /stale/);
      }, 60_000);
    const peers = await storedPeers();
    const traffic = await underTraffic(bed, "pod-1", targets, async ({ more }) => {
      await more(500);
      assert.equal((await bed.ocicat("delete", "bgppeer", "nodes-to-reflectors")).code, 0);
      await eventually(async () =>
        assert.match(
          await why(),
          /ended by a change of configuration; kept until another tells the prefix, for (?:30|[12]?\d) s at most/,
        ),
      );
      assert.deepEqual(await sessions(bed, "worker-1"), []);
      await more(500);
      await patched(bed, "bgpconfig", "default", { nodeToNodeMeshEnabled: true });
      await haveSessions({ mesh: true, reflectors: false });
      await isTold(/from Mesh_10_50_1_66: best/);
      await more(500);
      await patched(bed, "bgpconfig", "default", { nodeToNodeMeshEnabled: false });
      assert.equal((await bed.ocicatWith(peers, "apply", "-f", "-")).code, 0);
      await haveSessions({ mesh: false, reflectors: true });
      await isTold(/from Global_10_50_0_11: best|from Node_10_50_0_11: best/);
      await more(500);
    });
    assertNothingLost(traffic);
    await expectRoutes(bed, "worker-1", "192.168.97.192/26 via 10.50.1.66 dev tunl0 proto bird onlink");
    assert.equal((await bed.ocicat("verify")).code, 0);
  });

  test("a node that is deleted leaves no route behind for long", async () => {
    const [block, of] = ["192.168.97.192/26", "worker-3"];
    const routes = async () => (await bed.routes("worker-1")).filter((line) => line.startsWith(block));
    assert.equal((await routes()).length, 1);
    const node = (await bed.ocicat("get", "node", of, "-o", "yaml", "--export")).stdout;
    assert.equal((await bed.ocicat("lab", "break", "agent", of)).code, 0);
    assert.equal((await bed.ocicat("delete", "node", of)).code, 0);
    await eventually(async () => assert.deepEqual(await routes(), []), 15_000);
    assert.equal((await bed.ocicatWith(node, "apply", "-f", "-")).code, 0);
    assert.equal((await bed.ocicat("lab", "heal")).code, 0);
    await expectRoutes(bed, "worker-1", `${block} via 10.50.1.66 dev tunl0 proto bird onlink`);
  });
});

const ALL_BARE = Object.fromEntries(
  ["r1-a→r1-b", "r1-a→r2-a", "r1-b→r2-b", "r2-a→r1-a", "r2-b→r1-b", "r2-a→r2-b"].map((pair) => {
    const [from, to] = pair.split("→");
    return [`pod-${from}→pod-${to}`, "bare"];
  }),
);

/** The first address of a node's block. */
const BLOCKS = { "r1-a": "192.168.113.128/26", "r2-a": "192.168.180.192/26", "r2-b": "192.168.178.64/26" };

/** Of the other rack by the router; of the own by what the router tells as next hop. */
const expectRackRoutes = (bed: Testbed) =>
  expectRoutes(
    bed,
    "r2-a",
    `${BLOCKS["r2-b"]} via 10.60.2.1 dev eth0 proto bird`,
    `${BLOCKS["r1-a"]} via 10.60.2.1 dev eth0 proto bird`,
  );

describe("tor-per-rack", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("tor-per-rack");
  });
  after(() => bed?.close());

  test("pods of both racks reach each other without encapsulation", async () => {
    // Our speaker tells outer peers itself.
    await expectRackRoutes(bed);
    await expectPaths(bed, ALL_BARE);
    await expectSessions(bed, "r1-b", "10.60.1.1 node specific up");
  });

  test("what a rack announces goes through its router and the spine", async () => {
    await expectRoutes(bed, "spine", `${BLOCKS["r2-a"]} via 10.60.255.10 dev tor-2 proto bgp metric 32`);
    await expectRoutes(bed, "tor-1", `${BLOCKS["r2-a"]} via 10.60.255.5 dev spine proto bgp metric 32`);
    const path = await bed.on("pod-r1-a", "ping", "-c", "1", "-R", "192.168.180.192");
    for (const hop of ["10.60.255.6", "10.60.255.9", "10.60.2.1"]) assert.ok(path.includes(hop), `${hop}:\n${path}`);
  });
});

describe("tor-per-rack-mixed", { skip: skip || (missingSpeaker() ?? false), timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("tor-per-rack-mixed");
  });
  after(() => bed?.close());

  test("BIRD and FRR for routers: the same routes, the same matrix", async () => {
    await expectRackRoutes(bed);
    await expectPaths(bed, ALL_BARE);
  });

  test("the AS paths, as BIRD and FRR show them", async () => {
    const bird = await bed.on("tor-1", "birdc", "show", "route", "all", "for", "192.168.180.192/26");
    assert.match(bird, /BGP\.as_path: 65000 65002 64602\s/);
    const home = path.join(bed.folder, "home");
    fs.mkdirSync(home);
    const show = `show bgp ipv4 unicast ${BLOCKS["r1-a"]}`;
    const frr = await bed.on("tor-2", "env", `HOME=${home}`, "vtysh", "-c", show);
    assert.match(frr, /^ {2}65000 65001 64601$/m);
    assert.deepEqual(fs.readdirSync(home), [], "what vtysh left in its user's home");
  });

  test("kill -9 of the supervisor takes the routers' programs along, those that changed their user too", async () => {
    const programs = descendants(bed.supervisor).filter(({ name }) => ["bird", "zebra", "bgpd"].includes(name));
    assert.deepEqual(programs.map(({ name }) => name).sort(), ["bgpd", "bird", "zebra"]);
    process.kill(bed.supervisor, "SIGKILL");
    await eventually(() =>
      assert.deepEqual(
        programs.filter(({ pid }) => isRunning(pid)),
        [],
      ),
    );
  });
});
