/** Which packets are answered that a path cannot carry, and what the answer says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { internetChecksum } from "../../ip/checksum.ts";
import { type Header, ipv4 } from "../../testing/ipv4-packet.ts";
import { PacketMemory } from "./packet-memory.ts";
import { isUnfragmentable, tooBigFor } from "./too-big.ts";

const AT = 24;

function memoryOf(header: Header, payload: Buffer): PacketMemory {
  const memory = new PacketMemory(4_096);
  memory.octets.fill(0xa5);
  memory.octets.set(ipv4(header, payload), AT);
  return memory;
}

test("the MTU is told with as much of the packet as 576 octets have room for", () => {
  const payload = Buffer.from(Array.from({ length: 1_460 }, (_, index) => index));
  for (const [length, quoted] of [
    [1_460, 548],
    [100, 120],
  ] as const) {
    const message = tooBigFor(memoryOf({ protocol: 6 }, payload.subarray(0, length)), AT, 1_280);
    assert.ok(message);
    assert.equal(internetChecksum(message), 0);
    assert.equal(message.toString("hex", 0, 2) + message.toString("hex", 4, 8), "030400000500");
    assert.equal(
      message.toString("hex", 8),
      ipv4({ protocol: 6 }, payload.subarray(0, length)).toString("hex", 0, quoted),
    );
  }
});

test("errors and later fragments are not answered, other ICMP is", () => {
  const icmp = (type: number) => tooBigFor(memoryOf({ protocol: 1 }, Buffer.of(type, 0, 0, 0)), AT, 1_280);
  for (const type of [3, 4, 5, 11, 12]) assert.equal(icmp(type), undefined, `${type}`);
  assert.ok(icmp(8));
  assert.ok(tooBigFor(memoryOf({ fragment: 0x6000 }, Buffer.alloc(8)), AT, 1_280));
  assert.equal(tooBigFor(memoryOf({ fragment: 0x4010 }, Buffer.alloc(8)), AT, 1_280), undefined);
});

test("DF alone forbids fragments", () => {
  for (const [fragment, isForbidden] of [
    [0x4000, true],
    [0x6000, true],
    [0x2000, false],
    [0, false],
  ] as const) {
    assert.equal(isUnfragmentable(memoryOf({ fragment }, Buffer.alloc(8)), AT), isForbidden);
  }
});
