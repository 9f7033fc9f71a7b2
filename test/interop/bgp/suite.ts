/** What our speaker must do with every other BGP daemon. Each test is a cell of the matrix in docs/reference/bgp-interop.md. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { type TestContext, test } from "node:test";
import type { SessionConfig } from "../../../src/bgp/config.ts";
import { parseAddress } from "../../../src/ip/address.ts";
import { whyNoNamespaces } from "../../../src/testing/netns.ts";
import { eventually } from "../../scenario/eventually.ts";
import type { Daemon, DaemonKind, DaemonSettings } from "./daemon.ts";
import { type Ground, groundFor, OURS, PORT, THEIRS, THIRD, thirdSpeaker } from "./ground.ts";

const ASN = 64512;
const OTHER_ASN = 4_200_000_001;
const THEIR_PREFIXES = ["10.2.0.0/24", "10.2.1.0/26", "fd02:0:0:1::/64"] as const;
const OUR_PREFIXES = ["192.168.0.0/26", "192.168.0.64/26", "fd01:0:0:1::/64"] as const;

interface Running extends Ground {
  readonly daemon: Daemon;
}

export function bgpInterop(kind: DaemonKind): void {
  const skip = whyNoNamespaces() ?? (fs.existsSync(kind.program) ? undefined : `needs ${kind.program}`);
  const cell = (what: string, run: (t: TestContext) => Promise<void>): void => {
    test(`${kind.name}: ${what}`, { skip }, run);
  };

  /** Both sides configured and the daemon started; the session is not up yet. */
  async function running(
    t: TestContext,
    { theirs = {}, session = {} }: { theirs?: Partial<DaemonSettings>; session?: Partial<SessionConfig> } = {},
  ): Promise<Running> {
    const ground = groundFor(t, ASN);
    const daemon = kind.make(t, ground, { asn: ASN, ourAsn: ASN, announced: THEIR_PREFIXES, ...theirs });
    await daemon.start();
    ground.own.originate(...OUR_PREFIXES);
    ground.own.peer(session);
    return { ...ground, daemon };
  }

  async function exchanged({ own, daemon }: Running, theirs: readonly string[] = THEIR_PREFIXES): Promise<void> {
    await own.established();
    await own.learns(...theirs);
    await eventually(() => assert.deepEqual(daemon.learned(), [...OUR_PREFIXES].sort()));
  }

  const external = {
    theirs: { asn: OTHER_ASN },
    session: { peer: { address: parseAddress(THEIRS.ipv4), port: PORT, asn: OTHER_ASN } },
  };

  cell("routes of both families go both ways, and are withdrawn", async (t) => {
    const run = await running(t);
    const { own, daemon } = run;
    await exchanged(run);
    assert.equal(own.best.get("10.2.0.0/24")?.attributes.nextHop, parseAddress(THEIRS.ipv4));
    assert.equal(own.best.get("fd02:0:0:1::/64")?.attributes.nextHop, parseAddress(THEIRS.ipv6));
    daemon.announce("10.2.1.0/26");
    await own.learns("10.2.1.0/26");
    own.originate("192.168.0.64/26");
    await eventually(() => assert.deepEqual(daemon.learned(), ["192.168.0.64/26"]));
    assert.equal(own.status.flaps, 0);
  });

  cell("an external peer with an AS number of four octets", async (t) => {
    const run = await running(t, external);
    await exchanged(run);
    const path = run.own.best.get("10.2.0.0/24")?.attributes.asPath;
    assert.deepEqual(path, [{ kind: "sequence", asns: [OTHER_ASN] }]);
    assert.match(run.daemon.describe("192.168.0.0/26"), new RegExp(`${ASN}`));
  });

  const THIRD_PREFIX = "172.16.0.0/24";

  cell("we reflect to the peer, and its routes to others", async (t) => {
    const run = await running(t, { session: { isReflectorClient: true } });
    await exchanged(run);
    run.own.peer({
      name: "third",
      peer: { address: parseAddress(THIRD.ipv4), port: PORT, asn: ASN },
    });
    const third = thirdSpeaker(t, run, ASN, OURS.ipv4);
    third.originate(THIRD_PREFIX);
    await eventually(() => assert.ok(run.daemon.learned().includes(THIRD_PREFIX)));
    const words = run.daemon.describe(THIRD_PREFIX);
    assert.ok(words.includes(THIRD.ipv4) && words.includes(OURS.ipv4), words);
    await third.learns(...THEIR_PREFIXES, ...OUR_PREFIXES);
    const { originatorId, clusterList } = third.best.get("10.2.0.0/24")!.attributes;
    assert.deepEqual([originatorId, clusterList], [parseAddress(THEIRS.ipv4), [parseAddress(OURS.ipv4)]]);
  });

  cell("the peer reflects to us", async (t) => {
    const run = await running(t, { theirs: { reflectsTo: THIRD.ipv4 } });
    await exchanged(run);
    const third = thirdSpeaker(t, run, ASN, THEIRS.ipv4);
    third.originate(THIRD_PREFIX);
    await run.own.learns(...THEIR_PREFIXES, THIRD_PREFIX);
    const { originatorId, clusterList } = run.own.best.get(THIRD_PREFIX)!.attributes;
    assert.deepEqual([originatorId, clusterList], [parseAddress(THIRD.ipv4), [parseAddress(THEIRS.ipv4)]]);
    await third.learns(...THEIR_PREFIXES, ...OUR_PREFIXES);
  });

  cell("route refresh, asked for by us and by the peer", async (t) => {
    // FRR answers a request only once it has sent its End-of-RIB, and that only to peers with graceful restart.
    const run = await running(t, { theirs: { gracefulRestart: true }, session: { restartTimeSeconds: 30 } });
    const { own, daemon } = run;
    await exchanged(run);
    const received = own.status.counters.updatesReceived;
    assert.ok(own.speaker.refresh("peer"));
    await eventually(() => assert.ok(own.status.counters.updatesReceived > received));
    const sent = own.status.counters.updatesSent;
    if (daemon.askAgain) {
      daemon.askAgain();
      await eventually(() => assert.ok(own.status.counters.updatesSent > sent));
    }
    await exchanged(run);
    assert.equal(own.status.flaps, 0);
  });

  cell("TCP MD5: the same password connects", async (t) => {
    await exchanged(await running(t, { theirs: { password: "secret" }, session: { password: "secret" } }));
  });

  cell("TCP MD5: another password is named as what may be wrong", async (t) => {
    const { own } = await running(t, { theirs: { password: "secret" }, session: { password: "wrong" } });
    await eventually(() => assert.match(own.status.tcp?.message ?? "", /password/));
    assert.equal(own.status.flaps, 0);
  });

  cell("GTSM", async (t) => {
    await exchanged(
      await running(t, {
        theirs: { ...external.theirs, gtsm: true },
        session: { ...external.session, ttlSecurityHops: 1 },
      }),
    );
  });

  cell("large communities arrive as they were", async (t) => {
    const run = await running(t, { theirs: { largeCommunity: "64512:7:4200000000" } });
    await exchanged(run);
    const { largeCommunities } = run.own.best.get("10.2.0.0/24")!.attributes;
    assert.deepEqual(largeCommunities, [{ global: 64512, local1: 7, local2: 4_200_000_000 }]);
  });

  cell("a wrong AS is named on our side", async (t) => {
    const { own } = await running(t, {
      theirs: { asn: OTHER_ASN },
      session: { peer: { address: parseAddress(THEIRS.ipv4), port: PORT, asn: 65001 } },
    });
    const words = () => `${own.status.sent?.message} ${own.status.received?.message}`;
    await eventually(() => assert.match(words(), /Bad Peer AS \(2\/2\)/));
  });

  cell("a daemon that is killed comes back, and so do the routes", async (t) => {
    const run = await running(t);
    await exchanged(run);
    await run.daemon.kill();
    await run.own.learns();
    await run.daemon.start();
    await exchanged(run);
    assert.equal(run.own.status.flaps, 1);
  });

  cell("both dial at once, again and again: one session stays", async (t) => {
    const run = await running(t);
    for (let round = 0; round < 3; round++) {
      await exchanged(run);
      run.own.configure({ sessions: new Map() });
      run.own.peer();
    }
    await exchanged(run);
  });

  cell("graceful restart of the peer: its routes stay while it is away", async (t) => {
    const settings = { theirs: { gracefulRestart: true }, session: { restartTimeSeconds: 30 } };
    const run = await running(t, settings);
    const { own, daemon } = run;
    await exchanged(run);
    await daemon.kill();
    await eventually(() => assert.notEqual(own.status.state, "established"));
    assert.deepEqual(own.learned, [...THEIR_PREFIXES].sort());
    assert.equal(own.status.stalePrefixes, THEIR_PREFIXES.length);
    await daemon.start();
    await exchanged(run);
    await eventually(() => assert.equal(own.status.stalePrefixes, 0));
  });

  cell("our graceful restart: the peer keeps our routes while we are away", async (t) => {
    const run = await running(t, { theirs: { gracefulRestart: true }, session: { restartTimeSeconds: 30 } });
    const { own, daemon } = run;
    await exchanged(run);
    own.speaker.close("restart");
    await eventually(() => assert.ok(!daemon.isUp()));
    assert.deepEqual(daemon.learned(), [...OUR_PREFIXES].sort());
    own.start({ deferralSeconds: 20 });
    await exchanged(run);
    assert.deepEqual(own.speaker.status().waitsFor, []);
  });
}
