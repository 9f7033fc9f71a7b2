import assert from "node:assert/strict";
import { test } from "node:test";
import { UnreadableLinesError } from "../base/whole-lines.ts";
import type { BgpPieces } from "../compile/bgp/pieces.ts";
import { awsObjects, bgpNodeObject, bgpWorld, birdLocal } from "../testing/bgp-world.ts";
import { blockObject, poolObject, resourceObject } from "../testing/objects.ts";
import { decodeKeptPieces, encodeKeptPieces } from "./kept-pieces.ts";
import { SpeakerPieces } from "./speaker-pieces.ts";

const PATH = "/var/lib/calico/ocicat-bgp.jsonl";
const SECRET = "correct horse";
const password = () => SECRET;

/** A node with both families, a peer with a password, and a filter. */
function pieces(): SpeakerPieces {
  const own = { ipv6Address: "fd00:30::206/64" };
  const { compiler } = bgpWorld(birdLocal("worker-1", "10.30.0.206/24", "ens5"), [
    ...awsObjects("Always"),
    poolObject("ipv6", "fd00:10::/48", {}),
    bgpNodeObject("worker-1", "10.30.0.206/24", "192.168.226.64", own),
    bgpNodeObject("worker-2", "10.30.0.56/24", "192.168.133.192", { ipv6Address: "fd00:30::56/64" }),
    blockObject("fd00:10::/122", "worker-1"),
    resourceObject("BGPFilter", "mine", {
      exportV6: [{ action: "Reject", matchOperator: "In", cidr: "::/1" }],
      importV4: [{ action: "Accept", matchOperator: "Equal", cidr: "10.0.0.0/8" }],
    }),
    resourceObject("BGPPeer", "tor", {
      peerIP: "fd00:30::1",
      asNumber: 65100,
      filters: ["mine"],
      password: { secretKeyRef: { name: "bgp", key: "tor" } },
    }),
  ]);
  const joined = new SpeakerPieces();
  compiler.flush(10_000, (key, { bgp }) => joined.set(key, bgp));
  return joined;
}

const textOf = (of: Iterable<readonly [string, BgpPieces]>): string => [...encodeKeptPieces("worker-1", of)].join("");

test("what comes back from the disk makes the very same speaker, and no secret was on it", () => {
  const before = pieces();
  const text = textOf(before);
  assert.ok(!text.includes(SECRET));
  const kept = decodeKeptPieces(text, PATH);
  assert.equal(kept.node, "worker-1");
  const after = new SpeakerPieces();
  for (const [key, one] of kept.pieces) after.set(key, one);
  const wish = after.wish(password);
  assert.deepEqual(wish.config, before.wish(password).config);
  const { sessions, originated } = wish.config ?? assert.fail();
  assert.equal(sessions.get("Global_fd00_30__1")?.password, SECRET);
  assert.equal(sessions.size, 5);
  assert.equal(originated.size, 2);
});

test("a session whose secret is gone meanwhile waits for it", () => {
  const after = new SpeakerPieces();
  for (const [key, one] of decodeKeptPieces(textOf(pieces()), PATH).pieces) after.set(key, one);
  const { config, reports } = after.wish(() => undefined);
  assert.equal(config?.sessions.size, 4);
  assert.match(reports.join(), /waiting for a password: write it to \/etc\/calico\/secrets\/bgp\/tor/);
});

test("thousands of keys come in chunks of whole lines", () => {
  const many = Array.from({ length: 2_000 }, (_, n) => [`node n${n}`, { sessions: [] }] as const);
  const chunks = [...encodeKeptPieces("worker-1", many)];
  assert.equal(chunks.length, 5);
  assert.ok(chunks.every((chunk) => chunk.endsWith("\n")));
  assert.equal(decodeKeptPieces(chunks.join(""), PATH).pieces.size, 2_000);
});

test("a file that is torn anywhere, or of another format, is refused by its name", () => {
  const text = textOf(pieces());
  const lines = text.trimEnd().split("\n");
  const torn = [
    "",
    text.slice(0, text.length / 2),
    ...lines.map((_, at) => lines.slice(0, at).join("\n")),
    lines.toSpliced(1, 1).join("\n"),
    text.replace("ocicat bgp 1", "ocicat bgp 2"),
    "\0".repeat(100),
  ];
  for (const one of torn)
    assert.throws(
      () => decodeKeptPieces(one, PATH),
      (thrown) => thrown instanceof UnreadableLinesError && thrown.message.startsWith(PATH),
    );
});
