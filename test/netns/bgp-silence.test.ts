/**
 * A peer that falls silent, whose connection nobody ends: the link goes, its packets are dropped, or its process stands still.
 * Both sides know graceful restart with a restart time far beyond the hold time, and the routes go with the hold time.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { whyNoNamespaces } from "../../src/testing/netns.ts";
import { type Ground, groundFor, OURS, THEIRS } from "../interop/bgp/ground.ts";
import { Router } from "../interop/bgp/router.ts";
import { eventually } from "../scenario/eventually.ts";

const skip = whyNoNamespaces() ?? false;

const configuration = (self: string, other: string, announced: string): string => `
as: 64512
routerId: ${self}
kernel: true
holdTime: 3
announce: [${announced}]
neighbours:
  - { address: ${other}, as: 64512, families: [ipv4], connectRetry: 1, gracefulRestart: 3600 }
`;

const DROP =
  "add table ip cut; add chain ip cut in { type filter hook input priority -300; policy drop; }; add chain ip cut out { type filter hook output priority -300; policy drop; }";

interface Silence {
  readonly how: string;
  readonly begin: (ground: Ground, peer: Router) => void;
  readonly end: (ground: Ground, peer: Router) => void;
}

const SILENCES: readonly Silence[] = [
  {
    how: "its packets are dropped",
    begin: ({ theirs }) => void theirs.run("nft", DROP),
    end: ({ theirs }) => void theirs.run("nft", "delete table ip cut"),
  },
  {
    how: "its link goes down",
    begin: ({ theirs }) => void theirs.ip("link set veth0 down"),
    end: ({ theirs }) => void theirs.ip("link set veth0 up"),
  },
  {
    how: "its process stands still",
    begin: (_ground, peer) => peer.process.signal("SIGSTOP"),
    end: (_ground, peer) => peer.process.signal("SIGCONT"),
  },
];

for (const { how, begin, end } of SILENCES) {
  test(`a peer falls silent since ${how}: its routes go with the hold time, and come again with it`, {
    skip,
  }, async (t) => {
    const ground = groundFor(t, 64512);
    // The speaker of the ground is another one: both sides have processes of their own.
    ground.own.speaker.close("shutdown");
    const file = (name: string) => path.join(ground.folder, name);
    const [here, there] = [OURS.ipv4, THEIRS.ipv4];
    const own = new Router(t, ground.ours, file("ours.yaml"), configuration(here, there, "192.168.0.0/26"));
    const peer = new Router(t, ground.theirs, file("theirs.yaml"), configuration(there, here, "192.168.1.0/26"));
    const learned = [`192.168.1.0/26 via ${there}`];
    await eventually(() => assert.deepEqual(own.kernel, learned, own.process.output));
    begin(ground, peer);
    await eventually(() => assert.deepEqual(own.kernel, [], own.process.output));
    await eventually(() => assert.match(own.process.output, /session lost.*Hold Timer Expired/));
    end(ground, peer);
    await eventually(() => {
      assert.deepEqual(own.kernel, learned, own.process.output);
      assert.deepEqual(peer.kernel, [`192.168.0.0/26 via ${here}`], peer.process.output);
    });
  });
}
