/** What stands before a packet of the device. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checksumField,
  checksumStart,
  DEVICE_HEADER_OCTETS,
  leaveChecksum,
  leaveSegments,
  nodeOf,
  segmentOf,
  writeDeviceHeader,
} from "./device-header.ts";
import { PacketMemory } from "./packet-memory.ts";

const [TO, FROM] = ["0a1e0142", "0a1e0088"].map((hex) => Buffer.from(hex, "hex").readInt32LE()) as [number, number];

test("addresses of nodes, IPv4, and what is left to the kernel, octet for octet", () => {
  const memory = new PacketMemory(96);
  memory.octets.fill(0xa5);
  writeDeviceHeader(memory, 8, TO, FROM);
  const written = () => memory.octets.subarray(8, 8 + DEVICE_HEADER_OCTETS).toString("hex");
  assert.equal(written(), `${"00".repeat(10)}02000a1e0142${"02000a1e0088"}0800`);
  leaveChecksum(memory, 8, 8 + DEVICE_HEADER_OCTETS + 20, 16);
  leaveSegments(memory, 8, 52, 1_428);
  // struct virtio_net_hdr: NEEDS_CSUM, TCPV4, header 66, segment 1428, start 34, offset 16; little-endian.
  assert.equal(written().slice(0, 20), "0101420094052200" + "1000");
  assert.equal(memory.octets[8 + DEVICE_HEADER_OCTETS], 0xa5);
});

test("what is written is read again; what goes to no node, or is no IPv4, is told", () => {
  const memory = new PacketMemory(96);
  writeDeviceHeader(memory, 0, TO, FROM);
  assert.deepEqual([nodeOf(memory, 0), segmentOf(memory, 0), checksumStart(memory, 0)], [TO, 0, -1]);
  leaveChecksum(memory, 0, 44, 16);
  leaveSegments(memory, 0, 40, 1_000);
  assert.deepEqual([segmentOf(memory, 0), checksumStart(memory, 0), checksumField(memory, 0)], [1_000, 44, 16]);
  memory.octets[1] = 4;
  assert.equal(segmentOf(memory, 0), -1);
  for (const at of [10, 11, 22]) {
    writeDeviceHeader(memory, 0, TO, FROM);
    memory.octets[at] = 0x86;
    assert.equal(nodeOf(memory, 0), 0);
  }
});
