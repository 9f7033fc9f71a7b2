/** `bird.conf` as we write it: BIRD accepts it, and in the speaker's place it tells its peers the same routes. */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { birdConf } from "../../src/bgp/bird/bird-conf.ts";
import type { KernelExport } from "../../src/bgp/bird/types.ts";
import type { SpeakerConfig } from "../../src/bgp/config.ts";
import type { Condition, Filter, Term } from "../../src/bgp/filter/types.ts";
import { describeAttributes } from "../../src/bgp/message/message-text.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import { sessionConfig } from "../../src/testing/bgp-samples.ts";
import { ipv4 } from "../../src/testing/bgp-values.ts";
import { whyNoNamespaces } from "../../src/testing/netns.ts";
import { codeOf } from "../../src/testing/speaker-world.ts";
import { eventually } from "../scenario/eventually.ts";
import { bird } from "./bgp/bird.ts";
import { DaemonProcess, type Ground, groundFor, OURS, OwnSpeaker, PORT, THEIRS, THIRD } from "./bgp/ground.ts";

const skip = whyNoNamespaces() ?? (fs.existsSync(bird.program) ? undefined : `needs ${bird.program}`);
const ASN = 64512;
const OTHER_ASN = 4_200_000_001;
const OUTSIDE = { ipv4: "10.9.0.4", ipv6: "fd09::4" } as const;
const LARGE = { global: 4_200_000_000, local1: 1, local2: 2 };

const term = (about: string, conditions: readonly Condition[], rest: Partial<Term> = {}): Term => ({
  about,
  conditions,
  actions: [],
  ...rest,
});
const within = (text: string, bounds: { least?: number; most?: number } = {}): Condition => ({
  kind: "within",
  prefix: parsePrefix(text),
  ...bounds,
});

/** Every condition and action, where they decide something. */
const exportFilter: Filter = {
  name: "export by BGPFilter(rich)",
  otherwise: "reject",
  terms: [
    term("priority of local routes", [{ kind: "source", source: "local" }], {
      actions: [{ kind: "setLocalPref", value: 2_147_482_623 }],
    }),
    term("a single address", [within("192.168.0.0/16", { least: 32 })], { verdict: "reject" }),
    term("exactly this", [{ kind: "equals", prefix: parsePrefix("192.168.0.64/26") }], {
      actions: [
        { kind: "addCommunity", community: 64512 * 65536 + 7 },
        { kind: "addLargeCommunity", community: LARGE },
        { kind: "setMed", value: 77 },
        { kind: "prependAsPath", asns: [65101, 65102] },
      ],
      verdict: "accept",
    }),
    term("marked", [{ kind: "community", community: 65001 * 65536 + 1 }], { verdict: "reject" }),
    term("marked large", [{ kind: "largeCommunity", community: LARGE }], {
      actions: [{ kind: "addCommunity", community: 64512 * 65536 + 8 }],
    }),
    term(
      "a path",
      [
        { kind: "asPathPrefix", asns: [65201] },
        { kind: "source", source: "peer" },
      ],
      {
        actions: [{ kind: "addCommunity", community: 64512 * 65536 + 9 }],
      },
    ),
    term("to external peers", [{ kind: "peerType", peerType: "external" }], {
      actions: [{ kind: "addCommunity", community: 64512 * 65536 + 10 }],
    }),
    term("preference 300", [{ kind: "localPref", value: 300 }], {
      actions: [{ kind: "addCommunity", community: 64512 * 65536 + 11 }],
    }),
    term("of external peers", [{ kind: "source", source: "externalPeer" }], {
      actions: [{ kind: "addCommunity", community: 64512 * 65536 + 12 }],
    }),
    term(
      "not ours",
      [
        { kind: "not", condition: within("172.16.0.0/12") },
        { kind: "source", source: "peer" },
      ],
      {
        actions: [{ kind: "addCommunity", community: 64512 * 65536 + 13 }],
      },
    ),
    term("next hop", [{ kind: "nextHop", prefix: parsePrefix("10.9.0.3/32") }], {
      actions: [{ kind: "addCommunity", community: 64512 * 65536 + 14 }],
    }),
    term("elevated", [{ kind: "localPrefAbove", value: 299 }], {
      actions: [{ kind: "addCommunity", community: 64512 * 65536 + 15 }],
    }),
    term("devices of tunnels", [{ kind: "device", pattern: "*.calico" }], { verdict: "reject" }),
    term("pools", [within("192.168.0.0/16")], { verdict: "accept" }),
    term("pools", [within("172.16.0.0/12")], { verdict: "accept" }),
    term("pools", [within("fd00::/8")], { verdict: "accept" }),
  ],
};
const importFilter: Filter = {
  name: "import by BGPFilter(rich)",
  beatsOwnAbove: 250,
  otherwise: "accept",
  terms: [
    term("not wanted", [within("172.16.9.0/24")], { verdict: "reject" }),
    term("preferred", [{ kind: "equals", prefix: parsePrefix("172.16.3.0/24") }], {
      actions: [{ kind: "setLocalPref", value: 300 }],
      verdict: "accept",
    }),
  ],
};

const kernel: KernelExport = {
  ranges: [
    { prefix: parsePrefix("10.96.0.0/12"), verdict: "reject", about: "services" },
    { prefix: parsePrefix("192.168.0.0/16"), verdict: "accept", about: "pool default" },
    { prefix: parsePrefix("fd00::/8"), verdict: "accept", about: "pool six" },
  ],
};
const tunnel = { device: "tunl0", nextHops: [ipv4("10.30.0.56"), ipv4("10.30.1.66")] };

/** What BIRD says of a file that it is to accept. */
function checked({ theirs, folder }: Ground, text: string): string {
  const file = path.join(folder, "checked.conf");
  fs.writeFileSync(file, text);
  return theirs.run("/usr/sbin/bird", "-p", "-c", file);
}

test("BIRD accepts every sort of session, with everything that a session can have", { skip }, (t) => {
  const ground = groundFor(t, ASN);
  const common = { importFilter, exportFilter, localAddress: parseAddress(OURS.ipv4) };
  const v6 = { address: parseAddress(THEIRS.ipv6), port: PORT, asn: ASN };
  const sessions = [
    sessionConfig({ ...common, name: "Mesh_10_0_0_2" }),
    sessionConfig({ ...common, name: "Mesh_fd09__2", peer: v6, localAddress: parseAddress(OURS.ipv6), families: [6] }),
    sessionConfig({ ...common, name: "reflected", isReflectorClient: true, clusterId: ipv4("244.0.0.1") }),
    sessionConfig({ ...common, name: "password", password: "s3cret with blanks", passive: true }),
    sessionConfig({ name: "protocol", ttlSecurityHops: 1, keepaliveSeconds: 20, families: [4], nextHop: "self" }),
    sessionConfig({ ...common, name: "10.0.0.9 odd", nextHop: "keep", allowedOwnAs: 2, maxPrefixes: 1000 }),
    sessionConfig({ ...common, name: "Global_10_1_0_1_port_1790", localAs: 65500, restartTimeSeconds: 120 }),
  ];
  const config: SpeakerConfig = {
    localAs: ASN,
    routerId: ipv4(OURS.ipv4),
    listen: { port: 1179, addresses: [parseAddress(OURS.ipv4)] },
    sessions: new Map(sessions.map((session) => [session.name, session])),
    originated: new Map([
      [codeOf("192.168.0.0/26"), { about: "block 192.168.0.0/26" }],
      [codeOf("192.168.9.1/32"), { about: "borrowed\naddress", device: "cali0123456789a" }],
      [codeOf("fd00:1::/122"), { about: "block fd00:1::/122" }],
    ]),
  };
  const ignored = { ignoredDevices: ["cali*", "br-*"] };
  assert.match(birdConf(config, { ...ignored, withPasswords: false }), /interface "-cali\*", "-br-\*", "\*";/);
  for (const options of [{}, ignored, { kernel }, { kernel: { ...kernel, tunnel } }])
    assert.doesNotThrow(() => checked(ground, birdConf(config, { ...options, withPasswords: true })));
  assert.throws(() => checked(ground, `${birdConf(config, { withPasswords: false })}\nnonsense;`), /syntax error/);
  const text = birdConf(config, { withPasswords: false });
  assert.ok(!text.includes("s3cret"));
  const unwritable = sessionConfig({ name: "quote", password: 'a"b' });
  const quoting = { ...config, sessions: new Map([["quote", unwritable]]) };
  assert.throws(() => birdConf(quoting, { withPasswords: true }), /cannot write the password of quote/);
});

/** What a speaker knows, with everything that it was told of each route. */
const tableOf = ({ best }: OwnSpeaker): Readonly<Record<string, string>> =>
  Object.fromEntries([...best].sort().map(([prefix, { attributes }]) => [prefix, describeAttributes(attributes)]));

/** A speaker on the other side, with a session to ours. */
function speakerAt(
  t: TestContext,
  { theirs }: Ground,
  asn: number,
  self: typeof OUTSIDE | typeof THEIRS | typeof THIRD,
) {
  if (self !== THEIRS) {
    theirs.ip(`address add ${self.ipv4}/24 dev veth0`);
    theirs.ip(`address add ${self.ipv6}/64 dev veth0 nodad`);
  }
  const speaker = new OwnSpeaker(t, theirs, asn, self);
  speaker.peer({ peer: { address: parseAddress(OURS.ipv4), port: PORT, asn: ASN } });
  return speaker;
}

/** BIRD where our speaker was. */
function replaced(t: TestContext, { ours, folder }: Ground, text: string): DaemonProcess {
  const file = (name: string): string => path.join(folder, name);
  fs.writeFileSync(file("bird.conf"), text);
  const files = ["-c", file("bird.conf"), "-s", file("bird.ctl"), "-P", file("bird.pid")];
  return new DaemonProcess(t, ours, "/usr/sbin/bird", ["-f", ...files]);
}

test("with BIRD in the speaker's place its peers know the same routes", { skip }, async (t) => {
  const ground = groundFor(t, ASN);
  const { own } = ground;
  const client = speakerAt(t, ground, ASN, THEIRS);
  const origin = speakerAt(t, ground, ASN, THIRD);
  const outside = speakerAt(t, ground, OTHER_ASN, OUTSIDE);
  origin.originate("172.16.1.0/24", "172.16.3.0/24", "172.16.9.0/24", "192.168.7.0/26", "fd00:3::/64");
  outside.originate("172.16.4.0/24", "192.168.8.7/32", "10.77.0.0/16");
  // Of 172.16.3.0/24 the peer's is elevated, and used before our own.
  own.originate("172.16.3.0/24", "192.168.0.0/26", "192.168.0.64/26", "192.168.5.5/32", "10.5.0.0/16", "fd00:1::/64");
  const session = (name: string, { ipv4: address }: { readonly ipv4: string }, asn: number) =>
    own.peer({
      name,
      peer: { address: parseAddress(address), port: PORT, asn },
      isReflectorClient: asn === ASN,
      importFilter,
      exportFilter,
    });
  session("client", THEIRS, ASN);
  session("origin", THIRD, ASN);
  session("outside", OUTSIDE, OTHER_ASN);
  await own.learns(
    "172.16.1.0/24",
    "172.16.3.0/24",
    "192.168.7.0/26",
    "fd00:3::/64",
    "172.16.4.0/24",
    "192.168.8.7/32",
    "10.77.0.0/16",
  );
  const shared = ["192.168.0.0/26", "192.168.0.64/26", "fd00:1::/64"];
  const learned = ["172.16.1.0/24", "172.16.3.0/24", "192.168.7.0/26", "fd00:3::/64"];
  await client.learns(...shared, ...learned, "172.16.4.0/24");
  await outside.learns(...shared, ...learned);
  const [before, beforeOutside] = [tableOf(client), tableOf(outside)];
  assert.match(before["192.168.0.64/26"] ?? "", /COMMUNITIES 64512:7/);

  own.speaker.close("shutdown");
  await eventually(() => assert.deepEqual([tableOf(client), tableOf(outside)], [{}, {}]));
  const daemon = replaced(t, ground, birdConf(own.config, { withPasswords: true }));
  await eventually(() => assert.deepEqual(tableOf(client), before, daemon.output), 30_000);
  await eventually(() => assert.deepEqual(tableOf(outside), beforeOutside, daemon.output), 30_000);
});

test("BIRD puts routes of the ranges into the kernel, through the tunnel those whose next hop is behind it", {
  skip,
}, async (t) => {
  const ground = groundFor(t, ASN);
  const { own, ours } = ground;
  // Like tunl0, a device without neighbours to resolve.
  ours.ip("tuntap add dev tunl0 mode tun");
  ours.ip("link set tunl0 up");
  const [near, far] = [speakerAt(t, ground, ASN, THEIRS), speakerAt(t, ground, ASN, THIRD)];
  near.originate("192.168.1.0/26", "10.77.0.0/16", "10.96.1.0/24");
  far.originate("192.168.2.0/26");
  own.originate("192.168.0.0/26");
  for (const [name, { ipv4: address }] of [
    ["Mesh_near", THEIRS],
    ["Mesh_far", THIRD],
  ] as const)
    own.peer({ name, peer: { address: parseAddress(address), port: PORT, asn: ASN }, families: [4] });
  own.speaker.close("shutdown");
  const behind = { ...kernel, tunnel: { device: "tunl0", nextHops: [ipv4(THIRD.ipv4)] } };
  const daemon = replaced(t, ground, birdConf(own.config, { kernel: behind, withPasswords: true }));
  const routes = (): readonly string[] =>
    ours
      .run("ip", "route", "show", "proto", "bird")
      .split("\n")
      .map((line) => line.trim().replaceAll(/ metric \d+| linkdown/g, ""))
      .filter((line) => line !== "")
      .sort();
  await eventually(
    () =>
      assert.deepEqual(
        routes(),
        [
          "192.168.1.0/26 via 10.9.0.2 dev veth0",
          "192.168.2.0/26 via 10.9.0.3 dev tunl0 onlink",
          "blackhole 192.168.0.0/26",
        ],
        daemon.output,
      ),
    30_000,
  );
});
