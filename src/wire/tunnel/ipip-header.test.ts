/** The outer header: what is written, and what may come in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addressOctets, parseAddress } from "../../ip/address.ts";
import { internetChecksum } from "../../ip/checksum.ts";
import { ECN_IN, ECN_OUT } from "../../testing/ecn-tables.ts";
import { type Header, ipv4 } from "../../testing/ipv4-packet.ts";
import { runs } from "../../testing/runs.ts";
import { innerTos, isFragment, OUTER_OCTETS, openOuter, outerTos, writeOuter } from "./ipip-header.ts";
import { PacketMemory } from "./packet-memory.ts";

const SENDER = parseAddress("10.30.0.136");
const RECEIVER = parseAddress("10.30.1.66");
const word = (address: typeof SENDER): number => Buffer.from(addressOctets(address)).readInt32LE();

/** The outer header that is written for a packet, with what the kernel fills in. */
function outerOf(inner: Buffer): Buffer {
  const memory = new PacketMemory(2_048);
  memory.octets.fill(0xa5);
  memory.octets.set(inner, OUTER_OCTETS);
  writeOuter(memory, 0, memory, OUTER_OCTETS, word(SENDER), word(RECEIVER));
  const header = Buffer.from(memory.octets.subarray(0, OUTER_OCTETS));
  header.writeUInt16BE(OUTER_OCTETS + inner.length, 2);
  header.writeUInt16BE(internetChecksum(header), 10);
  return header;
}

/** What comes out of a packet as a raw socket reads it; undefined: nothing. */
function opened(packet: Buffer): Buffer | undefined {
  const memory = new PacketMemory(2_048);
  memory.octets.fill(0xa5);
  const at = 4;
  memory.octets.set(packet, at);
  const inner = openOuter(memory, at, packet.length);
  if (inner === 0) return undefined;
  return Buffer.from(memory.octets.subarray(inner, inner + memory.octets.readUInt16BE(inner + 2)));
}

const around = (inner: Buffer, header: Header = {}): Buffer => ipv4({ protocol: 4, ...header }, inner);

test("TTL and DF are the inner ones, DSCP is 0, the rest is the kernel's", () => {
  for (const fragment of [0x4000, 0, 0x2003, 0x6000]) {
    const inner = ipv4({ ttl: 63, tos: 0xb8, fragment }, Buffer.from("abcdefgh"));
    const expected = { protocol: 4, source: SENDER, destination: RECEIVER, ttl: 63, fragment: fragment & 0x4000 };
    assert.deepEqual(outerOf(inner), ipv4(expected, inner).subarray(0, OUTER_OCTETS));
  }
});

test("the outer ECN field is the inner one, and ECT(0) for CE", () => {
  for (const [ecn, expected] of ECN_OUT.entries()) {
    assert.equal(outerTos(0x28 | ecn), expected);
    assert.equal(outerOf(ipv4({ tos: 0x28 | ecn }, Buffer.alloc(8)))[1], expected);
  }
});

test("ECN of the two headers is joined as RFC 6040 says, and the checksum stays right", () => {
  for (const [inner, row] of ECN_IN.entries()) {
    for (const [outer, expected] of row.entries()) {
      const packet = ipv4({ tos: 0xb8 | inner }, Buffer.from("abcdefgh"));
      const after = opened(around(packet, { tos: 0x20 | outer }));
      const name = `inner ${inner}, outer ${outer}`;
      assert.equal(innerTos(0x20 | outer, 0xb8 | inner), expected === "drop" ? undefined : 0xb8 | expected, name);
      if (expected === "drop") assert.equal(after, undefined, name);
      else assert.deepEqual(after, ipv4({ tos: 0xb8 | expected }, Buffer.from("abcdefgh")), name);
    }
  }
});

test("what is out of shape does not come in", () => {
  const inner = ipv4({}, Buffer.alloc(8));
  const longer = Buffer.from(inner);
  longer.writeUInt16BE(inner.length + 1, 2);
  const shorter = Buffer.from(inner);
  shorter.writeUInt16BE(19, 2);
  for (const [name, packet] of Object.entries({
    "IPv6 inside": around(Buffer.alloc(40, 0x60)),
    "nothing inside": around(Buffer.alloc(0)),
    "a part of a header": around(inner.subarray(0, 19)),
    "more than has come": around(longer),
    "shorter than its header": around(shorter),
    "options that are not there": around(Buffer.alloc(0), { version: 0x4f }),
  })) {
    assert.equal(opened(packet), undefined, name);
  }
});

test("any packet comes out as it went in, also behind options and before what fills a frame", () => {
  const header = fc.record({
    tos: fc.integer({ min: 0, max: 255 }),
    fragment: fc.constantFrom(0, 0x4000, 0x2000, 0x0007),
    ttl: fc.integer({ min: 1, max: 255 }),
    protocol: fc.integer({ min: 0, max: 255 }),
  });
  const payload = fc.uint8Array({ maxLength: 1_400 });
  fc.assert(
    fc.property(header, payload, fc.nat(10), fc.nat(3), (fields, octets, options, filling) => {
      const inner = ipv4(fields, octets);
      const outer = outerOf(inner);
      outer.writeUInt8(0x45 + options, 0);
      const carried = Buffer.concat([outer, Buffer.alloc(options * 4, 1), inner, Buffer.alloc(filling)]);
      assert.deepEqual(opened(carried), inner);
    }),
    { numRuns: runs(200) },
  );
});

test("a fragment is known by its flag and by its offset, and DF makes none", () => {
  const memory = new PacketMemory(32);
  for (const [fragment, expected] of [
    [0x2000, true],
    [0x0001, true],
    [0x4000, false],
    [0, false],
  ] as const) {
    memory.octets.set(ipv4({ fragment }, Buffer.alloc(0)), 0);
    assert.equal(isFragment(memory, 0), expected);
  }
});
