/**
 * What goes wrong on a running lab: an agent is killed, the store goes away, foreign hands take things of ours away or put
 * things of their own beside them, a pod loses its interface. Traffic goes on, ours is put back and named, theirs is left.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.ts";
import { cannotRunLabs, Testbed } from "./testbed.ts";
import { assertNothingLost, underTraffic } from "./traffic.ts";

const TARGETS = { "pod-2": "192.168.133.194", "pod-3": "192.168.97.193" } as const;

interface NodeReport {
  readonly store: { readonly state: string };
  readonly repairs: readonly unknown[];
  readonly forwardDrops: readonly {
    readonly family: string;
    readonly table: string;
    readonly name: string;
    readonly base: { readonly policy: string };
  }[];
  readonly reports: readonly string[];
  readonly endpoints: readonly { readonly name: string; readonly state: string; readonly reason?: string }[];
}

interface LabStatus {
  readonly hosts: readonly { readonly name: string; readonly agentPid?: number }[];
  readonly pods: readonly { readonly name: string; readonly addresses: readonly string[] }[];
}

/**
 * What a foreign hand does on worker-1, what is said of it (of what the device of the tunnel takes along, the device), and how
 * the tools see that all is there again.
 */
const HANDS = [
  {
    name: "a route is deleted",
    command: "ip route del 192.168.97.192/26",
    says: /^ {2}routes: 192\.168\.97\.192\/26 via 192\.168\.97\.192 dev vxlan\.calico onlink was gone and is put back$/m,
    look: "ip route show 192.168.97.192/26",
  },
  {
    name: "a route is replaced",
    command: "ip route replace 192.168.97.192/26 via 10.30.0.1 dev ens5 proto static",
    says: /^ {2}routes: 192\.168\.97\.192\/26 via 10\.30\.0\.1 dev ens5 proto static stood in the place of 192\.168\.97\.192\/26 via 192\.168\.97\.192 dev vxlan\.calico onlink, which is put back$/m,
    look: "ip route show 192.168.97.192/26",
  },
  {
    name: "a route is changed",
    command: "ip route replace 192.168.97.192/26 via 192.168.133.192 dev vxlan.calico onlink",
    says: /^ {2}routes: 192\.168\.97\.192\/26 via 192\.168\.133\.192 dev vxlan\.calico onlink was found, 192\.168\.97\.192\/26 via 192\.168\.97\.192 dev vxlan\.calico onlink is put back$/m,
    look: "ip route show 192.168.97.192/26",
  },
  {
    name: "a route is put beside ours",
    command: "ip route add 192.168.97.128/26 via 192.168.97.192 dev vxlan.calico onlink",
    says: /^ {2}routes: 192\.168\.97\.128\/26 via 192\.168\.97\.192 dev vxlan\.calico onlink was found where nothing shall be, and is removed$/m,
    look: "ip route show dev vxlan.calico",
  },
  {
    name: "a pod's route is deleted",
    command: "ip route del 192.168.226.65/32",
    says: /^ {2}routes: 192\.168\.226\.65 dev cali[0-9a-f]{11} scope link was gone and is put back$/m,
    look: "ip route show 192.168.226.65/32",
  },
  {
    name: "the route that proxy ARP needs for the pods' gateway is deleted",
    command: "ip route del table local 169.254.1.1",
    says: /^ {2}routes: 169\.254\.1\.1 dev lo table 255 proto 80 scope link was gone and is put back$/m,
    look: "ip route show table local 169.254.1.1",
  },
  {
    name: "the own block's blackhole is deleted",
    command: "ip route del blackhole 192.168.226.64/26",
    says: /^ {2}routes: blackhole 192\.168\.226\.64\/26 proto 80 was gone and is put back$/m,
    look: "ip route show type blackhole",
  },
  {
    name: "a neighbour is deleted",
    command: "ip neigh del 192.168.97.192 dev vxlan.calico",
    says: /^ {2}neighbours: 192\.168\.97\.192 dev vxlan\.calico lladdr 66:[0-9a-f:]{14} PERMANENT was gone and is put back$/m,
    look: "ip neigh show 192.168.97.192 dev vxlan.calico nud permanent",
  },
  {
    name: "a neighbour is changed",
    command: "ip neigh replace 192.168.97.192 lladdr 66:00:00:00:00:02 dev vxlan.calico nud permanent",
    says: /^ {2}neighbours: 192\.168\.97\.192 dev vxlan\.calico lladdr 66:00:00:00:00:02 PERMANENT was found, 192\.168\.97\.192 .* is put back$/m,
    look: "ip neigh show 192.168.97.192 dev vxlan.calico nud permanent",
  },
  {
    name: "the forwarding entries are flushed",
    command: "bridge fdb flush dev vxlan.calico",
    says: /^ {2}fdb: 66:[0-9a-f:]{14} dev vxlan\.calico dst 10\.30\.1\.66 self permanent was gone and is put back$/m,
    look: "bridge fdb show dev vxlan.calico | sort",
  },
  {
    name: "the tunnel device is changed",
    command: "ip link set vxlan.calico mtu 1300",
    says: /^ {2}links: vxlan\.calico mtu 1300 .* was found, vxlan\.calico mtu \d+ .* is put back$/m,
    look: "ip link show vxlan.calico | head -1 | sed 's/^[0-9]*: //'",
  },
  {
    name: "the tunnel device is deleted",
    command: "ip link del vxlan.calico",
    says: /^ {2}links: vxlan\.calico mtu \d+ .* was gone and is put back$/m,
    look: "(ip -o -4 address show; ip route show; ip neigh show nud permanent; bridge fdb show) | grep vxlan.calico | sed 's/^[0-9]*: //; s/ extern_learn//' | sort",
  },
  {
    name: "a setting is changed",
    command: "sysctl -w net.ipv4.ip_forward=0",
    says: /^ {2}sysctls: net\.ipv4\.ip_forward = 0 was found, net\.ipv4\.ip_forward = 1 is put back$/m,
    look: "sysctl net.ipv4.ip_forward",
  },
  {
    name: "a set of the nft table is changed",
    command: "nft 'add element ip calico cali40all-ipam-pools { 10.66.0.0/16 }'",
    says: /^ {2}tables: table ip calico whose set cali40all-ipam-pools has 1 element too many was found, table ip calico is put back$/m,
    look: "nft list set ip calico cali40all-ipam-pools",
  },
  {
    name: "the nft table is deleted",
    command: "nft delete table ip calico",
    says: /^ {2}tables: table ip calico was gone and is put back$/m,
    look: "nft list table ip calico | sed 's/packets [0-9]* bytes [0-9]*//' | grep -v handle",
  },
] as const;

/** What is not ours. */
const FOREIGN = [
  "ip route add 10.99.0.0/16 via 10.30.0.1 proto static",
  "ip route add blackhole 10.98.0.0/16 proto static",
  "nft 'add table ip other; add chain ip other mine { type filter hook forward priority 5; }; add rule ip other mine counter'",
  "ip neigh add 10.30.0.77 lladdr 02:00:00:00:00:07 dev ens5 nud permanent",
] as const;
const LOOK_AT_FOREIGN =
  "ip route show proto static; ip route show dev docker0; ip neigh show 10.30.0.77 dev ens5; nft list table ip other | sed 's/packets [0-9]* bytes [0-9]*//'";

/** Worker-1 hears nothing of the store and the store nothing of it; to drop one direction alone would let events through. */
const CUT_OFF =
  "nft 'add table ip cut; add chain ip cut in { type filter hook input priority -300; }; add chain ip cut out { type filter hook output priority -300; }; " +
  "add rule ip cut in tcp sport 2379 drop; add rule ip cut out tcp dport 2379 drop'";

const skip = cannotRunLabs() ?? false;

describe("faults on a running lab", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("aws-two-subnets", "--backend", "vxlan");
  });
  after(() => bed?.close());

  const report = async (host: string): Promise<NodeReport> => {
    const { stdout } = await bed.ocicat("node", "show", host, "-o", "json");
    return JSON.parse(stdout) as NodeReport;
  };
  /** The lines of what was repaired, as people read them. */
  const repairs = async (): Promise<readonly string[]> => {
    const { stdout } = await bed.ocicat("node", "show", "worker-1");
    return (stdout.split("\nRepaired:\n")[1] ?? "").split("\n").filter((line) => line.startsWith("  "));
  };
  const done = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await bed.ocicat(...args);
    assert.equal(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  };
  const storeIs = (state: string) =>
    eventually(async () => assert.equal((await report("worker-1")).store.state, state), 60_000);
  const patchPool = (vxlanMode: string) =>
    done("patch", "ippool", "default-ipv4-ippool", "-p", JSON.stringify({ spec: { vxlanMode } }));
  const hasRoute = (host: string, is: (route: string) => boolean) =>
    eventually(async () => {
      const routes = await bed.routes(host);
      assert.ok(routes.some(is), `${host}:\n${routes.join("\n")}`);
    });
  const agentPid = async (): Promise<number> => {
    const { hosts } = JSON.parse(await done("lab", "status", "-o", "json")) as LabStatus;
    const pid = hosts.find(({ name }) => name === "worker-1")?.agentPid;
    assert.ok(pid !== undefined);
    return pid;
  };
  const addressOf = async (pod: string): Promise<string> => {
    const { pods } = JSON.parse(await done("lab", "status", "-o", "json")) as LabStatus;
    return pods.find(({ name }) => name === pod)?.addresses[0] ?? "";
  };
  const typed = async (text: string): Promise<string> => {
    const outcome = await bed.terminal("worker-1", text);
    assert.equal(outcome.code, 0, `${text}: ${outcome.stderr}`);
    return outcome.stdout;
  };

  test("agents are killed and come back: no packet of a running pod is lost", async () => {
    const traffic = await underTraffic(bed, "pod-1", TARGETS, async () => {
      assert.equal((await bed.ocicat("lab", "break", "agent", "worker-1", "worker-3")).code, 0);
      assert.equal((await bed.ocicat("lab", "heal")).code, 0);
      await eventually(async () => assert.equal((await report("worker-1")).store.state, "inSync"));
    });
    assertNothingLost(traffic);
  });

  test("the store is killed: forwarding goes on, and the agents find it again", async () => {
    const traffic = await underTraffic(bed, "pod-1", TARGETS, async () => {
      await done("lab", "break", "store");
      await storeIs("away");
      await done("lab", "heal");
      await storeIs("inSync");
    });
    assertNothingLost(traffic);
  });

  test("a host is cut off from the store: its agent, killed meanwhile, repairs from disk, and catches up later", async () => {
    const direct = "192.168.133.192/26 via 10.30.0.56 dev ens5 proto 80";
    const own = "blackhole 192.168.226.64/26 proto 80";
    await done("lab", "underlay", "set", "all", "srcdst=off");
    const before = await bed.routes("worker-1");
    assert.ok(before.includes(own), before.join("\n"));
    const traffic = await underTraffic(bed, "pod-1", TARGETS, async ({ more }) => {
      await typed(CUT_OFF);
      await patchPool("CrossSubnet");
      await done("lab", "pod", "add", "pod-9", "--on", "master");
      await done("lab", "pod", "rm", "pod-0");
      await hasRoute("worker-2", (route) => route.startsWith("192.168.226.64/26 via 10.30.0.206 dev ens5"));
      await storeIs("away");
      process.kill(await agentPid(), "SIGKILL");
      await bed.on("worker-1", "ip", "route", "del", "blackhole", "192.168.226.64/26");
      await hasRoute("worker-1", (route) => route === own);
      await storeIs("away");
      assert.deepEqual(await bed.routes("worker-1"), before, "as last applied, and nothing new");
      const live = await bed.tryOn("worker-1", "ocicat", "node", "-felix-live");
      assert.equal(live.code, 0, `it would be killed again and again: ${live.stdout}${live.stderr}`);
      await more(500);
      await typed("nft delete table ip cut");
      await hasRoute("worker-1", (route) => route === direct);
      await hasRoute("worker-1", (route) => route.includes("via 10.30.0.136 dev ens5 proto 80"));
      await more(500);
      await patchPool("Always");
      await hasRoute("worker-1", (route) => route === before.find((line) => line.startsWith("192.168.133.192/26")));
    });
    assertNothingLost(traffic);
    const { code, stdout, stderr } = await bed.tryOn("pod-1", "ping", "-c1", "-W5", await addressOf("pod-9"));
    assert.equal(code, 0, `${stdout}${stderr}`);
  });

  test("what foreign hands take away is put back and named, what they have of their own stays", async () => {
    for (const command of FOREIGN) await typed(command);
    const foreign = await typed(LOOK_AT_FOREIGN);
    for (const { name, command, says, look } of HANDS) {
      const intact = await typed(look);
      assert.notEqual(intact, "", look);
      const before = (await report("worker-1")).repairs.length;
      await typed(command);
      await eventually(async () => {
        assert.equal(await typed(look), intact, name);
        assert.ok((await report("worker-1")).repairs.length > before, name);
      });
      const repaired = (await repairs()).slice(before);
      assert.match(repaired.join("\n"), says, name);
    }
    assert.equal(await typed(LOOK_AT_FOREIGN), foreign);
    const verified = await bed.ocicat("verify");
    assert.equal(verified.code, 0, verified.stdout);
  });

  test("a firewall of others drops what a host forwards: every command names it, until it is gone", async () => {
    const table = "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }";
    const chain = "chain ip filter FORWARD (policy drop, priority 0; iptables) is not ours";
    await eventually(async () => assert.equal((await bed.ocicat("lab", "check")).code, 0), 60_000);
    await typed(`nft '${table}'`);
    await eventually(async () => {
      const { forwardDrops, reports } = await report("worker-1");
      assert.deepEqual(
        forwardDrops.map(({ family, table, name, base }) => `${family} ${table} ${name} ${base.policy}`),
        ["ip filter FORWARD drop"],
      );
      assert.ok(
        reports.some((line) => line.startsWith(chain)),
        reports.join("\n"),
      );
    });
    assert.ok((await bed.ocicat("node", "show", "worker-1")).stdout.includes(chain));
    assert.ok((await bed.ocicat("verify", "worker-1")).stdout.includes(`note: ${chain}`));
    const status = () =>
      bed.shell('eval "$(ocicat lab env)"; etcdctl get --print-value-only /ocicat/v1/nodestatuses/worker-1');
    await eventually(async () => assert.ok((await status()).stdout.includes(chain)));
    const check = await bed.ocicat("lab", "check");
    assert.equal(check.code, 1, check.stdout);
    assert.ok(check.stdout.includes(`on worker-1, ${chain}`), check.stdout);
    const remedy = /let them pass with (nft '[^']*')/.exec(check.stdout)?.[1];
    assert.ok(remedy, check.stdout);
    await typed(remedy);
    await eventually(async () => assert.deepEqual((await report("worker-1")).forwardDrops, []));
    assert.ok(!(await bed.ocicat("node", "show", "worker-1")).stdout.includes(chain));
    assert.equal((await bed.ocicat("lab", "check")).code, 0);
    await typed("nft delete table ip filter");
  });

  test("the NIC's MTU changes: the tunnel and the plugin's file follow", async () => {
    const mtus = async () => [
      (await bed.json<{ mtu: number }>("worker-3", "ip", "-j", "link", "show", "vxlan.calico"))[0]?.mtu,
      Number(await bed.on("worker-3", "cat", "/var/lib/calico/mtu")),
    ];
    const [before] = await bed.json<{ mtu: number }>("worker-3", "ip", "-j", "link", "show", "ens5");
    assert.ok(before);
    const follows = (nic: number) => eventually(async () => assert.deepEqual(await mtus(), [nic - 50, nic - 50]));
    await follows(before.mtu);
    await bed.on("worker-3", "ip", "link", "set", "ens5", "mtu", "1400");
    await follows(1400);
    await bed.on("worker-3", "ip", "link", "set", "ens5", "mtu", String(before.mtu));
    await follows(before.mtu);
  });

  test("a pod's own interface is deleted: its endpoint is down, with the reason", async () => {
    await bed.on("pod-1", "ip", "link", "del", "eth0");
    await eventually(async () => {
      const endpoint = (await report("worker-1")).endpoints.find(({ name }) => name.includes("pod--1"));
      assert.equal(endpoint?.state, "down");
      assert.match(endpoint?.reason ?? "", /cali[0-9a-f]{11}/);
    });
  });
});
