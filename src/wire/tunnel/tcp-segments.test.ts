/** Segments: cut from any packet, right each by itself, and joined to the same one again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { internetChecksum } from "../../ip/checksum.ts";
import { ipv4 } from "../../testing/ipv4-packet.ts";
import { runs } from "../../testing/runs.ts";
import { PacketMemory } from "./packet-memory.ts";
import {
  completeChecksum,
  continues,
  isPlainData,
  isPushed,
  isTcpSound,
  joinHeaders,
  partialChecksumAt,
  SegmentCutter,
  tcpHeaders,
} from "./tcp-segments.ts";

interface Tcp {
  readonly sequence?: number;
  readonly flags?: number;
  readonly window?: number;
  /** Words. */
  readonly options?: readonly number[];
}

/** Of TCP, with the checksum over the whole, or over the pseudo header alone where it is left to a device. */
function tcp(
  { sequence = 1, flags = 0x10, window = 500, options = [] }: Tcp,
  payload: Uint8Array,
  isLeft = false,
): Buffer {
  const header = Buffer.alloc(20 + options.length * 4);
  header.writeUInt16BE(40_000, 0);
  header.writeUInt16BE(80, 2);
  header.writeUInt32BE(sequence >>> 0, 4);
  header.writeUInt32BE(77, 8);
  header.writeUInt8((5 + options.length) << 4, 12);
  header.writeUInt8(flags, 13);
  header.writeUInt16BE(window, 14);
  for (const [index, option] of options.entries()) header.writeUInt32BE(option, 20 + index * 4);
  const packet = ipv4({ protocol: 6, id: 0xfffe }, Buffer.concat([header, payload]));
  const length = packet.length - 20;
  const pseudo = Buffer.concat([packet.subarray(12, 20), Buffer.from([0, 6, length >>> 8, length & 0xff])]);
  if (isLeft) packet.writeUInt16BE(~internetChecksum(pseudo) & 0xffff, 36);
  else packet.writeUInt16BE(internetChecksum(Buffer.concat([pseudo, packet.subarray(20)])), 36);
  return packet;
}

function memoryOf(packet: Uint8Array, at = 0): PacketMemory {
  const memory = new PacketMemory(70_000);
  memory.octets.set(packet, at);
  return memory;
}

/** All segments as packets of their own. */
function cut(packet: Buffer, segment: number): readonly Buffer[] {
  const memory = memoryOf(packet, 24);
  const headers = tcpHeaders(memory, 24, packet.length);
  const cutter = new SegmentCutter(memory);
  cutter.begin(24, headers, packet.length, segment);
  const to = new PacketMemory(200);
  const segments: Buffer[] = [];
  for (let length = cutter.next(to, 20); length > 0; length = cutter.next(to, 20)) {
    const payload = memory.octets.subarray(cutter.payloadAt, cutter.payloadAt + length);
    segments.push(Buffer.concat([to.octets.subarray(20, 20 + headers), payload]));
  }
  return segments;
}

const large = fc.record({
  sequence: fc.nat(0xffffffff),
  flags: fc.constantFrom(0x10, 0x18, 0x19, 0x98),
  options: fc.array(fc.nat(0xffffffff), { maxLength: 10 }),
  payload: fc.uint8Array({ minLength: 2, maxLength: 3_000 }),
  segment: fc.integer({ min: 1, max: 1_500 }),
});

test("every segment is a packet of its own, and together they say what the large one said", () => {
  fc.assert(
    fc.property(large, ({ payload, segment, ...fields }) => {
      const headers = 40 + fields.options.length * 4;
      const segments = cut(tcp(fields, payload, true), segment);
      assert.deepEqual(Buffer.concat(segments.map((one) => one.subarray(headers))), Buffer.from(payload));
      for (const [index, one] of segments.entries()) {
        const isLast = index === segments.length - 1;
        const cleared = (isLast ? 0 : 0x09) | (index === 0 ? 0 : 0x80);
        const sequence = fields.sequence + index * segment;
        const expected = tcp(
          { ...fields, sequence: sequence % 2 ** 32, flags: fields.flags & ~cleared },
          one.subarray(headers),
        );
        expected.writeUInt16BE((0xfffe + index) & 0xffff, 4);
        expected.writeUInt16BE(0, 10);
        expected.writeUInt16BE(internetChecksum(expected.subarray(0, 20)), 10);
        assert.deepEqual(one, expected, `segment ${index}`);
      }
    }),
    { numRuns: runs(200) },
  );
});

test("segments that were cut are joined to what they were cut from", () => {
  fc.assert(
    fc.property(large, ({ payload, segment, ...fields }) => {
      const flags = fields.flags & 0x18;
      const packet = tcp({ ...fields, flags }, payload, true);
      const segments = cut(packet, segment);
      const [first] = segments as [Buffer];
      const headers = 40 + fields.options.length * 4;
      const memory = memoryOf(first);
      let joined = first.length - headers;
      for (const next of segments.slice(1)) {
        memory.octets.set(next, 8_000);
        assert.ok(isTcpSound(memory, 8_000, next.length) && isPlainData(memory, 8_000, headers, next.length));
        assert.ok(continues(memory, 0, 8_000, headers, joined));
        assert.ok(!continues(memory, 0, 8_000, headers, joined + 1));
        joined += next.length - headers;
      }
      joinHeaders(memory, 0, headers, joined, (flags & 0x08) !== 0);
      assert.deepEqual(Buffer.from(memory.octets.subarray(0, headers)), packet.subarray(0, headers));
    }),
    { numRuns: runs(200) },
  );
});

test("what differs in a header that GRO compares is not joined", () => {
  const first = tcp({ sequence: 100, options: [1, 2, 3] }, Buffer.alloc(10));
  const next = tcp({ sequence: 110, options: [1, 2, 3] }, Buffer.alloc(10));
  const memory = memoryOf(first);
  const joins = (packet: Buffer): boolean => {
    memory.octets.set(packet, 1_000);
    return continues(memory, 0, 1_000, 52, 10);
  };
  assert.ok(joins(next));
  const compared = [1, 6, 8, 9, 12, 19, 20, 23, 24, 27, 28, 31, 33, 34, 35, 40, 51];
  for (const at of compared) {
    const other = Buffer.from(next);
    other.writeUInt8((other[at] ?? 0) ^ 0x40, at);
    assert.ok(!joins(other), `octet ${at}`);
  }
  // Identification, checksums, PSH.
  for (const [at, bit] of [
    [4, 1],
    [10, 1],
    [36, 1],
    [33, 0x08],
  ] as const) {
    const other = Buffer.from(next);
    other.writeUInt8((other[at] ?? 0) ^ bit, at);
    assert.ok(joins(other), `octet ${at}`);
  }
});

test("only data without marks is joined", () => {
  const judged = (flags: number, length: number): boolean => {
    const packet = tcp({ flags }, Buffer.alloc(length));
    return isPlainData(memoryOf(packet), 0, 40, packet.length);
  };
  assert.deepEqual([judged(0x10, 1), judged(0x18, 1)], [true, true]);
  for (const flags of [0x11, 0x12, 0x14, 0x30, 0x50, 0x90, 0x00]) assert.equal(judged(flags, 1), false);
  assert.equal(judged(0x10, 0), false);
  assert.equal(isPushed(memoryOf(tcp({ flags: 0x18 }, Buffer.alloc(1))), 0), true);
});

test("a packet that was damaged on its way is not sound; one whose checksum was left is", () => {
  const packet = tcp({}, Buffer.from("some octets"));
  assert.ok(isTcpSound(memoryOf(packet), 0, packet.length));
  for (const at of [13, 21, 40, packet.length - 1]) {
    const damaged = Buffer.from(packet);
    damaged.writeUInt8((damaged[at] ?? 0) ^ 0x10, at);
    assert.ok(!isTcpSound(memoryOf(damaged), 0, damaged.length), `octet ${at}`);
  }
  const left = tcp({}, Buffer.from("some octets"), true);
  assert.ok(isTcpSound(memoryOf(left), 0, left.length));
});

test("a checksum that was left is found, and completed to the one that the packet wants", () => {
  const packet = tcp({}, Buffer.from("some octets"));
  assert.equal(partialChecksumAt(memoryOf(packet), 0, packet.length), 0);
  const left = memoryOf(tcp({}, Buffer.from("some octets"), true));
  assert.equal(partialChecksumAt(left, 0, packet.length), 36);
  completeChecksum(left, 20, 36, packet.length);
  assert.deepEqual(Buffer.from(left.octets.subarray(0, packet.length)), packet);
});

test("what is not TCP, has options of IPv4, is a fragment, or too short, is not cut", () => {
  const whole = tcp({}, Buffer.alloc(4));
  assert.equal(tcpHeaders(memoryOf(whole), 0, whole.length), 40);
  for (const [at, value] of [
    [0, 0x46],
    [9, 17],
    [6, 0x20],
    [32, 0xf0],
    [32, 0x40],
  ] as const) {
    const other = Buffer.from(whole);
    other.writeUInt8(value, at);
    assert.equal(tcpHeaders(memoryOf(other), 0, other.length), 0, `octet ${at}`);
  }
  assert.equal(tcpHeaders(memoryOf(whole), 0, 39), 0);
});
