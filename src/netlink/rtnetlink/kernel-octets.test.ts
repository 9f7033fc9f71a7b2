/** Notifications that Linux 6.18 itself sent, beside what they say; and that every shorter piece of one is refused or read, never worse. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAddress as ip } from "../../ip/address.ts";
import { parseInterfaceAddress } from "../../ip/prefix.ts";
import * as said from "../../testing/rtnetlink-objects.ts";
import { runs } from "../../testing/runs.ts";
import { eachMessage, type Message, NetlinkFormatError } from "../message.ts";
import { RtmType } from "./codes.ts";
import { decodeEvent, type RtnetlinkEvent } from "./event.ts";

const added = { isGone: false } as const;
const notifications: readonly (readonly [what: string, hex: string, event: RtnetlinkEvent])[] = [
  [
    "an IPv4 address",
    "5800000014000000a4190a6b6e6000000218800003000000080001000a010001080002000a010001080004000a0100ff090003006574683000000000080008008000000014000600ffffffffffffffff885a0300885a0300",
    {
      type: "address",
      isGone: false,
      port: 0x606e,
      address: {
        index: 3,
        address: parseInterfaceAddress("10.1.0.1/24"),
        scope: 0,
        flags: 0x80,
        broadcast: ip("10.1.0.255"),
        label: "eth0",
      },
    },
  ],
  [
    "an IPv6 address without duplicate address detection",
    "480000001400000000000000000000000a4082000300000014000100fd01000000000000000000000000000114000600ffffffffffffffff895a0300895a03000800080082000000",
    {
      type: "address",
      isGone: false,
      port: 0,
      address: { index: 3, address: parseInterfaceAddress("fd01::1/64"), scope: 0, flags: 0x82 },
    },
  ],
  [
    "the local route of an address",
    "3c00000018000006000000000000000002200000ff02fe020000000008000f00ff000000080001000a010001080007000a0100010800040003000000",
    {
      ...added,
      type: "route",
      port: 0,
      place: "first",
      route: said.routes.local,
    },
  ],
  [
    "a route with a gateway on the link",
    "3c00000018000006a4190a6b82600000021a0000fe5000010400000008000f00fe00000008000100c0a8004008000500c0a800400800040005000000",
    {
      ...added,
      type: "route",
      port: 0x6082,
      place: "first",
      route: said.routes.onlink,
    },
  ],
  [
    "a route with metrics in another table",
    "5800000018000006a4190a6b8c60000002100000fc0c00010000000008000f00e8030000080001000a090000080006004d0000000c0008000800020064050000080007000a010001080005000a0100020800040003000000",
    {
      ...added,
      type: "route",
      port: 0x608c,
      place: "first",
      route: said.routes.metrics,
    },
  ],
  [
    "a route of two next hops",
    "5000000018000006a4190a6b9160000002100000fe0300010000000008000f00fe000000080001000a080000240009001000000203000000080005000a010002100004000500000008000500c0a80040",
    {
      ...added,
      type: "route",
      port: 0x6091,
      place: "first",
      route: said.routes.twoHops,
    },
  ],
  [
    "an IPv6 route",
    "8800000018000006a4190a6b966000000a400000fe5000010000000008000f00fe00000014000100fd020000000000000000000000000000080006000004000014000500fd010000000000000000000000000002080004000300000024000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000",
    {
      ...added,
      type: "route",
      port: 0x6096,
      place: "first",
      route: { ...said.routes.ipv6, metric: 1024 },
    },
  ],
  [
    "an IPv4 route with an IPv6 gateway",
    "4c00000018000006a4190a6b9b60000002100000fe0300010000000008000f00fe000000080001000a070000160012000a00fd01000000000000000000000000000900000800040003000000",
    {
      ...added,
      type: "route",
      port: 0x609b,
      place: "first",
      route: said.routes.viaIpv6,
    },
  ],
  [
    "a route by a nexthop object",
    "4400000018000006a5190a6beb60000002100000fe5000010400000008000f00fe000000080001000a06000008001e000a000000080005000a0100020800040003000000",
    {
      ...added,
      type: "route",
      port: 0x60eb,
      place: "first",
      route: { ...said.routes.byObject, hops: [{ device: 3, gateway: ip("10.1.0.2"), flags: 4 }], flags: 4 },
    },
  ],
  [
    "a blackhole that is gone",
    "2c00000019000000a5190a6bf0600000021a0000fe5000060000000008000f00fe00000008000100c0a80100",
    {
      isGone: true,
      type: "route",
      port: 0x60f0,
      place: "first",
      route: said.routes.blackhole,
    },
  ],
  [
    "a neighbour",
    "4c0000001c00000000000000a060000002000000050000008000000108000100c0a800400a00020066000000000b000008000400000000001400030000000000000000000000000001000000",
    {
      ...added,
      type: "neighbour",
      port: 0x60a0,
      neighbour: said.neighbour,
    },
  ],
  [
    "a forwarding entry",
    "440000001c00000000000000000000000700000005000000c00002010a00020066000000000b0000080001000a0100021400030000000000000000000000000000000000",
    {
      ...added,
      type: "forwarding",
      port: 0,
      entry: said.forwardingEntry,
    },
  ],
  [
    "a rule that inverts",
    "4c00000020000000a4190a6bb960000002000000010000010200000008000f000100000008000e00ffffffff0500150000000000080006006300000008000a00000020000800100000002000",
    {
      ...added,
      type: "rule",
      port: 0x60b9,
      rule: said.invertedRule,
    },
  ],
  [
    "a nexthop object",
    "3000000068000506a5190a6bd760000002fd500004000000080001000a0000000800050003000000080006000a010002",
    {
      ...added,
      type: "nexthop",
      port: 0x60d7,
      nexthop: said.nexthop,
    },
  ],
  [
    "a group of nexthop objects",
    "4400000068000506a5190a6be6600000000050000000000008000100140000000600030000000000140002000a000000010000000c0000000000000008000e0000000080",
    {
      ...added,
      type: "nexthop",
      port: 0x60e6,
      nexthop: said.nexthopGroup,
    },
  ],
  [
    "a setting of a device",
    "240000005000000000000000000000000200000008000100030000000800020001000000",
    { ...added, type: "netconf", port: 0, netconf: { family: 4, device: 3, forwarding: 1 } },
  ],
  [
    "a VXLAN device, less statistics",
    "40010000100000000000000000000000000001000500000043100100010000001100030076786c616e2e63616c69636f000000000500100000000000080004007805000008003300ffff00000a00010066000000000a0000e80012000a00010076786c616e000000d800020008000100001000000800030003000000080004000a010001050005000000000005001c0000000000050006000000000005001d000000000008001a00000000000800200000000000050007000000000005000b000000000005000c000000000005000d000000000005000e00000000000500190000000000080008002c010000080009000000000006000f0012b500000500120001000000050013000000000005001400000000000500150000000000050016000000000005001f000100000008000a00000000000c002100f7ffffff000000ff",
    {
      ...added,
      type: "link",
      port: 0,
      link: {
        index: 5,
        name: "vxlan.calico",
        hardwareType: 1,
        mac: "66:00:00:00:00:0a",
        mtu: 1400,
        flags: 0x11043,
        up: true,
        running: true,
        operState: "unknown",
        kind: "vxlan",
        vxlan: {
          vni: 4096,
          port: 4789,
          local: ip("10.1.0.1"),
          parent: 3,
          learning: false,
          udpChecksum: true,
          flowBased: false,
          l2miss: false,
          gbp: false,
        },
      },
    },
  ],
  [
    "a veth that was set down, less statistics",
    "68000000100000000000000000000000000001000200000002100000010000000a0003006574683070000000050010000200000008000400dc05000008003300ffff00000a0001001ed09cb274180000100012000900010076657468000000000800050003000000",
    {
      ...added,
      type: "link",
      port: 0,
      link: {
        index: 2,
        name: "eth0p",
        hardwareType: 1,
        mac: "1e:d0:9c:b2:74:18",
        mtu: 1500,
        flags: 0x1002,
        up: false,
        running: false,
        operState: "down",
        kind: "veth",
        peer: 3,
      },
    },
  ],
];

const octetsOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

function messagesOf(octets: Uint8Array): readonly Message[] {
  const messages: Message[] = [];
  eachMessage(octets, (message) => messages.push(message));
  return messages;
}

for (const [what, hex, event] of notifications) {
  test(`the kernel tells of ${what}`, () => {
    assert.deepEqual(messagesOf(octetsOf(hex)).map(decodeEvent), [event]);
  });
}

/** A value, or our own error: anything else fails. */
function isTotal(message: Message): void {
  try {
    decodeEvent(message);
  } catch (failure) {
    if (!(failure instanceof NetlinkFormatError)) throw failure;
  }
}

test("a message that is cut anywhere is refused as a whole; its payload cut anywhere is a value or NetlinkFormatError", () => {
  for (const [what, hex] of notifications) {
    const octets = octetsOf(hex);
    for (let length = 1; length < octets.length; length++) {
      assert.throws(() => messagesOf(octets.subarray(0, length)), NetlinkFormatError, `${what}, ${length} octets`);
    }
    const [message] = messagesOf(octets);
    assert.ok(message);
    for (let length = 0; length < message.payload.length; length++) {
      isTotal({ ...message, payload: message.payload.subarray(0, length) });
    }
  }
});

const type = fc.constantFrom(...Object.values(RtmType));

test("any octets are a value or NetlinkFormatError", () => {
  fc.assert(
    fc.property(type, fc.uint8Array({ maxLength: 200 }), (ofType, payload) => {
      isTotal({ type: ofType, flags: 0, sequence: 0, port: 0, payload });
    }),
    { numRuns: runs(400) },
  );
});

test("a true notification with octets changed is a value or NetlinkFormatError", () => {
  const change = fc.record({ at: fc.nat(), to: fc.nat(255) });
  fc.assert(
    fc.property(fc.constantFrom(...notifications), fc.array(change, { minLength: 1, maxLength: 6 }), (one, changes) => {
      const octets = octetsOf(one[1]);
      for (const { at, to } of changes) octets[at % octets.length] = to;
      try {
        for (const message of messagesOf(octets)) isTotal(message);
      } catch (failure) {
        if (!(failure instanceof NetlinkFormatError)) throw failure;
      }
    }),
    { numRuns: runs(400) },
  );
});
