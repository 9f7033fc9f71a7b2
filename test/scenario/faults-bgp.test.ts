/** What goes wrong on a running lab with BGP: agents end in every way, the store or a link goes away. Running pods lose no packet. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { expectPaths } from "./check-matrix.ts";
import { eventually } from "./eventually.ts";
import { sendsBy } from "./modes.ts";
import { cannotRunLabs, Testbed } from "./testbed.ts";
import { assertNothingLost, underTraffic } from "./traffic.ts";

const TARGETS = { "pod-2": "192.168.133.194", "pod-3": "192.168.97.193" } as const;

/** What a foreign hand does on worker-1, what is said of it, and how the tools see that all is there again. */
const HANDS = [
  {
    command: "ip route del 192.168.97.192/26",
    says: /^ {2}routes: 192\.168\.97\.192\/26 via 10\.30\.1\.66 dev tunl0 proto bird onlink was gone and is put back$/m,
    look: "ip route show 192.168.97.192/26",
  },
  {
    command: "ip route replace 192.168.97.192/26 via 10.30.0.56 dev tunl0 onlink proto bird",
    says: /^ {2}routes: 192\.168\.97\.192\/26 via 10\.30\.0\.56 dev tunl0 proto bird onlink was found, .* is put back$/m,
    look: "ip route show 192.168.97.192/26",
  },
  {
    command: "ip route replace blackhole 192.168.133.192/26",
    says: /^ {2}routes: blackhole 192\.168\.133\.192\/26.* stood in the place of 192\.168\.133\.192\/26 via 10\.30\.0\.56 dev tunl0 proto bird onlink, which is put back$/m,
    look: "ip route show 192.168.133.192/26",
  },
  {
    command: "ip route del blackhole 192.168.226.64/26",
    says: /^ {2}routes: blackhole 192\.168\.226\.64\/26 proto bird was gone and is put back$/m,
    look: "ip route show type blackhole",
  },
  {
    command: "ip link set tunl0 down",
    says: /^ {2}links: tunl0 .*is put back$/m,
    look: "ip route show dev tunl0",
  },
] as const;

const skip = cannotRunLabs() ?? false;

describe("faults on a running lab with BGP", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("aws-two-subnets");
    await sendsBy(bed, "IPIP Always");
  });
  after(() => bed?.close());

  const agentPid = async (host = "worker-1"): Promise<number> => {
    const { hosts } = JSON.parse((await bed.ocicat("lab", "status", "-o", "json")).stdout) as {
      hosts: { name: string; agentPid?: number }[];
    };
    return hosts.find(({ name }) => name === host)?.agentPid ?? 0;
  };
  const isUp = (host: string) =>
    eventually(async () => {
      const { stdout } = await bed.ocicat("node", "status", host);
      assert.equal(stdout.split("| up ").length, 4, stdout);
    }, 60_000);

  /** Waits until `verify` names what is amiss on the host. */
  const verifies = (host: string, pattern: RegExp) =>
    eventually(async () => {
      const { code, stdout } = await bed.ocicat("verify", host);
      assert.match(stdout, pattern);
      assert.equal(code, 1);
    });

  for (const [how, signal] of [
    ["is killed", "SIGKILL"],
    ["is restarted in order", "SIGTERM"],
  ] as const) {
    test(`an agent ${how}: learned routes stay on all hosts, and its sessions come again`, async () => {
      const was = await agentPid();
      const routes = await Promise.all(["worker-1", "worker-2"].map((host) => bed.routes(host)));
      const traffic = await underTraffic(bed, "pod-1", TARGETS, async ({ more }) => {
        process.kill(was, signal);
        await eventually(async () => assert.ok(![0, was].includes(await agentPid())));
        await isUp("worker-1");
        await isUp("worker-2");
        await more(500);
      });
      assertNothingLost(traffic, how);
      assert.deepEqual(await Promise.all(["worker-1", "worker-2"].map((host) => bed.routes(host))), routes);
    });
  }

  test("the store goes away and an agent is killed meanwhile: its routes stay, and it peers again before the store is back", async () => {
    const [block, session] = ["192.168.226.64/26", "Mesh_10_30_0_206"];
    /** The peer has the block from the new session, which is told after all peers have told theirs. */
    const isToldAnew = () =>
      eventually(async () => {
        const why = await bed.on("worker-2", "ocicat", "bgp", "why", block);
        assert.match(why, new RegExp(`from ${session}: best$`, "m"));
      }, 60_000);
    const flaps = async () =>
      /Flaps: +\d+/.exec(await bed.on("worker-2", "ocicat", "bgp", "explain", session))?.[0] ?? assert.fail();
    const routes = await Promise.all(["worker-1", "worker-2"].map((host) => bed.routes(host)));
    const was = await agentPid();
    let before = "";
    const traffic = await underTraffic(bed, "pod-1", TARGETS, async ({ more }) => {
      assert.equal((await bed.ocicat("lab", "break", "store")).code, 0);
      process.kill(was, "SIGKILL");
      await eventually(async () => assert.ok(![0, was].includes(await agentPid())));
      await isUp("worker-1");
      await isUp("worker-2");
      await isToldAnew();
      before = await flaps();
      await more(2_000);
      await sendsBy(bed, "IPIP Always");
      // What was learned before is still wanted: nobody has vouched for what is to be in its place.
      await bed.on("worker-1", "ip", "route", "del", "192.168.219.64/26");
      await eventually(async () =>
        assert.deepEqual(await Promise.all(["worker-1", "worker-2"].map((host) => bed.routes(host))), routes),
      );
      const why = await bed.on("worker-1", "ocicat", "bgp", "why", "192.168.219.64/26");
      assert.match(why, /the store is away since this agent began: what was last applied stays/);
      assert.equal((await bed.ocicat("lab", "heal")).code, 0);
      await eventually(async () => {
        const { code, stdout } = await bed.ocicat("verify");
        assert.equal(code, 0, stdout);
      }, 60_000);
      await more(500);
    });
    assertNothingLost(traffic);
    await isUp("worker-1");
    assert.equal(await flaps(), before, "what the store says is what was kept");
    await sendsBy(bed, "IPIP Always");
    assert.deepEqual(await Promise.all(["worker-1", "worker-2"].map((host) => bed.routes(host))), routes);
  });

  test("a peer's host loses its link, then its agent: the others lose nothing, and with the link its sessions and routes are right again", async () => {
    const hosts = ["master", "worker-1", "worker-2", "worker-3"];
    const listings = () => Promise.all(hosts.map((host) => bed.routes(host)));
    const routes = await listings();
    const was = await agentPid("worker-2");
    const traffic = await underTraffic(bed, "pod-1", { "pod-3": TARGETS["pod-3"] }, async ({ more }) => {
      assert.equal((await bed.ocicat("lab", "break", "link", "worker-2")).code, 0);
      await verifies(
        "worker-1",
        /danger: Mesh_10_30_0_56 \(worker-2\) does not answer: .* it told 1 prefix, kept for the hold time/,
      );
      await verifies("worker-2", /danger: Mesh_10_30_0_206 \(worker-1\) does not answer/);
      await expectPaths(bed, {
        "pod-1→pod-2": "no",
        "pod-2→pod-1": "no",
        "pod-1→pod-3": "ipip",
        "pod-3→pod-1": "ipip",
      });
      process.kill(was, "SIGKILL");
      await eventually(async () => assert.ok(![0, was].includes(await agentPid("worker-2"))));
      await more(500);
      const meanwhile = (await listings()).map((lines) => lines.map((line) => line.replace(/ linkdown$/, "")));
      assert.deepEqual(meanwhile, routes);
      assert.equal((await bed.ocicat("lab", "heal")).code, 0);
      await Promise.all(hosts.map(isUp));
      await more(500);
    });
    assertNothingLost(traffic);
    await eventually(async () => assert.deepEqual(await listings(), routes), 60_000);
    await expectPaths(bed, { "pod-1→pod-2": "ipip", "pod-2→pod-1": "ipip", "pod-3→pod-2": "ipip" });
  });

  test("foreign hands change what BGP brought: it is put back and named, and verify finds nothing afterwards", async () => {
    for (const { command, says, look } of HANDS) {
      const intact = await bed.types("worker-1", look);
      assert.notEqual(intact, "", look);
      await bed.types("worker-1", command);
      await eventually(async () => {
        assert.equal(await bed.types("worker-1", look), intact, command);
        const { stdout } = await bed.ocicat("node", "show", "worker-1");
        assert.match(stdout.split("\nRepaired:\n")[1] ?? "", says, command);
      });
    }
    await expectPaths(bed, { "pod-1→pod-2": "ipip", "pod-3→pod-1": "ipip" });
  });

  test("nothing differs from what is compiled", async () => {
    await eventually(async () => {
      const { code, stdout } = await bed.ocicat("verify");
      assert.equal(code, 0, stdout);
    });
  });
});
