/** The fast sum against the plain one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { internetChecksum } from "../../ip/checksum.ts";
import { ipv4 } from "../../testing/ipv4-packet.ts";
import { runs } from "../../testing/runs.ts";
import { internetSum, pseudoSum, writeHeaderChecksum } from "./internet-sum.ts";
import { PacketMemory } from "./packet-memory.ts";

/** A sum as the wire has it. */
const onWire = (sum: number): number => ((sum & 0xff) << 8) | (sum >>> 8);

test("wherever octets begin and end, their sum is that of RFC 1071", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(9), (octets, at) => {
      const memory = new PacketMemory(256);
      memory.octets.fill(0xa5);
      memory.octets.set(octets, at);
      assert.equal(~onWire(internetSum(memory, at, octets.length)) & 0xffff, internetChecksum(octets));
    }),
    { numRuns: runs(500) },
  );
});

test("the longest packet of all ones does not overflow it", () => {
  const memory = new PacketMemory(0xffff);
  memory.octets.fill(0xff);
  for (const length of [0xffff, 0xfffe, 0xfffc]) {
    assert.equal(~onWire(internetSum(memory, 0, length)) & 0xffff, internetChecksum(memory.octets.subarray(0, length)));
  }
});

test("a header's checksum and its pseudo header are as a packet has them", () => {
  const packet = ipv4({ protocol: 6, tos: 0x12 }, Buffer.alloc(33));
  const memory = new PacketMemory(64);
  memory.octets.set(packet);
  memory.octets.writeUInt16BE(0x1234, 10);
  writeHeaderChecksum(memory, 0, 20);
  assert.deepEqual(memory.octets.subarray(0, 20), packet.subarray(0, 20));
  const pseudo = Buffer.concat([packet.subarray(12, 20), Buffer.from([0, 6, 0, 33])]);
  assert.equal(~onWire(pseudoSum(memory, 0, 33)) & 0xffff, internetChecksum(pseudo));
});
