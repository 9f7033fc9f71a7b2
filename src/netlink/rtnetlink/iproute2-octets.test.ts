/** Octets that iproute2 6.1 itself sends for a command (taken by strace), beside what they say: read by our codecs, and written by them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress as ip } from "../../ip/address.ts";
import { parseInterfaceAddress, parsePrefix } from "../../ip/prefix.ts";
import * as said from "../../testing/rtnetlink-objects.ts";
import { Writer } from "../../wire/writer.ts";
import type { AttributeTable } from "../attributes.ts";
import { eachAttribute } from "../message.ts";
import { type Address, addressBody, addressBodyOf, addressOf } from "./address.ts";
import type { Body, BodyCodec, StructureTable } from "./body.ts";
import { linkBody, vxlanAttributes } from "./link.ts";
import {
  type ForwardingEntry,
  forwardingBodyOf,
  forwardingEntryOf,
  type Neighbour,
  neighbourBody,
  neighbourBodyOf,
  neighbourOf,
} from "./neighbour.ts";
import { type NexthopObject, nexthopBody, nexthopBodyOf, nexthopOf } from "./nexthop.ts";
import { type Route, routeBody, routeBodyOf, routeOf } from "./route.ts";
import { type Rule, ruleBody, ruleBodyOf, ruleOf } from "./rule.ts";

interface Kind<V> {
  /** Of the structure before the attributes. */
  readonly octets: number;
  read(octets: Uint8Array): V | undefined;
  write(writer: Writer, value: V): void;
}

const address: Kind<Address> = {
  octets: addressBody.octets,
  read: (octets) => addressOf(addressBody.decode(octets)),
  write: (writer, value) => encode(writer, addressBody, addressBodyOf(value)),
};
const route: Kind<Route> = {
  octets: routeBody.octets,
  read: (octets) => routeOf(routeBody.decode(octets)),
  write: (writer, value) => encode(writer, routeBody, routeBodyOf(value)),
};
const neighbour: Kind<Neighbour> = {
  octets: neighbourBody.octets,
  read: (octets) => neighbourOf(neighbourBody.decode(octets)),
  write: (writer, value) => encode(writer, neighbourBody, neighbourBodyOf(value)),
};
const forwarding: Kind<ForwardingEntry> = {
  octets: neighbourBody.octets,
  read: (octets) => forwardingEntryOf(neighbourBody.decode(octets)),
  write: (writer, value) => encode(writer, neighbourBody, forwardingBodyOf(value)),
};
const rule: Kind<Rule> = {
  octets: ruleBody.octets,
  read: (octets) => ruleOf(ruleBody.decode(octets)),
  write: (writer, value) => encode(writer, ruleBody, ruleBodyOf(value)),
};
const nexthop: Kind<NexthopObject> = {
  octets: nexthopBody.octets,
  read: (octets) => nexthopOf(nexthopBody.decode(octets)),
  write: (writer, value) => encode(writer, nexthopBody, nexthopBodyOf(value)),
};

/** A message behind its header, with the octets of the structure and its attributes in the order of their types: the order means nothing. */
function sorted(octets: Uint8Array, structureOctets: number): readonly string[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const found: string[] = [];
  eachAttribute(view, { at: structureOctets, end: octets.length }, (type, at, length) => {
    found.push(`${type}: ${Buffer.from(octets.subarray(at, at + length)).toString("hex")}`);
  });
  return [Buffer.from(octets.subarray(0, structureOctets)).toString("hex"), ...found.sort()];
}

function encode<S extends StructureTable, A extends AttributeTable>(
  writer: Writer,
  codec: BodyCodec<S, A>,
  { header, attributes }: Body<S, A>,
): void {
  codec.encode(writer, header, attributes);
}

function bothWays<V>(kind: Kind<V>, rows: readonly (readonly [command: string, hex: string, value: V])[]): void {
  for (const [command, hex, value] of rows) {
    test(command, () => {
      const sent = Buffer.from(hex, "hex");
      assert.deepEqual(kind.read(sent), value);
      const writer = new Writer();
      kind.write(writer, value);
      assert.deepEqual(sorted(writer.finish(), kind.octets), sorted(sent, kind.octets));
    });
  }
}

bothWays(address, [
  [
    "ip addr add 10.1.0.1/24 brd 10.1.0.255 dev eth0",
    "0218000003000000080002000a010001080004000a0100ff080001000a010001",
    { index: 3, address: parseInterfaceAddress("10.1.0.1/24"), scope: 0, flags: 0, broadcast: ip("10.1.0.255") },
  ],
]);

bothWays(route, [
  [
    "ip route add 192.168.0.64/26 via 192.168.0.64 dev vxlan.calico onlink proto 80",
    "021a0000fe5000010400000008000100c0a8004008000500c0a800400800040005000000",
    said.routes.onlink,
  ],
  ["ip route add blackhole 192.168.1.0/26 proto 80", "021a0000fe5000060000000008000100c0a80100", said.routes.blackhole],
  [
    "ip route add 10.9.0.0/16 table 1000 metric 77 proto 12 src 10.1.0.1 mtu 1380 via 10.1.0.2 dev eth0",
    "02100000000c000100000000080001000a09000008000f00e8030000080006004d000000080007000a010001080005000a01000208000400030000000c0008000800020064050000",
    said.routes.metrics,
  ],
  [
    "ip route add 10.8.0.0/16 nexthop via 10.1.0.2 dev eth0 weight 3 nexthop via 192.168.0.64 dev vxlan.calico onlink weight 1",
    "02100000fe03000100000000080001000a080000240009001000000203000000080005000a010002100004000500000008000500c0a80040",
    said.routes.twoHops,
  ],
  [
    "ip route add fd02::/64 via fd01::2 dev eth0 proto 80",
    "0a400000fe5000010000000014000100fd02000000000000000000000000000014000500fd0100000000000000000000000000020800040003000000",
    said.routes.ipv6,
  ],
  [
    "ip route add 10.7.0.0/16 via inet6 fd01::9 dev eth0",
    "02100000fe03000100000000080001000a070000160012000a00fd01000000000000000000000000000900000800040003000000",
    said.routes.viaIpv6,
  ],
  [
    "ip route add 10.6.0.0/16 nhid 10 proto 80",
    "02100000fe50000100000000080001000a06000008001e000a000000",
    said.routes.byObject,
  ],
]);

bothWays(neighbour, [
  [
    "ip neigh add 192.168.0.64 lladdr 66:00:00:00:00:0b nud permanent dev vxlan.calico",
    "02000000050000008000000008000100c0a800400a00020066000000000b0000",
    said.neighbour,
  ],
  [
    "ip neigh add proxy 169.254.1.1 dev eth0",
    "02000000030000008000080008000100a9fe0101",
    { index: 3, address: ip("169.254.1.1"), state: 0x80, flags: 8 },
  ],
]);

bothWays(forwarding, [
  [
    "bridge fdb append 66:00:00:00:00:0b dev vxlan.calico dst 10.1.0.2 self permanent",
    "0700000005000000c00002000a00020066000000000b0000080001000a010002",
    said.forwardingEntry,
  ],
]);

bothWays(rule, [
  [
    "ip rule add not fwmark 0x200000/0x200000 priority 99 table 1",
    "02000000010000010200000008000a000000200008001000000020000800060063000000",
    said.invertedRule,
  ],
  [
    "ip -6 rule add from fd01::/64 priority 100 table 1000",
    "0a004000000000010000000014000200fd010000000000000000000000000000080006006400000008000f00e8030000",
    { family: 6, priority: 100, action: "lookup", table: 1000, from: parsePrefix("fd01::/64") },
  ],
]);

bothWays(nexthop, [
  [
    "ip nexthop add id 10 via 10.1.0.2 dev eth0 proto 80 onlink",
    "0200500004000000080001000a000000080006000a0100020800050003000000",
    said.nexthop,
  ],
  [
    "ip nexthop add id 11 blackhole proto 80",
    "0200500000000000080001000b00000004000400",
    { id: 11, protocol: 80, family: 4, blackhole: true },
  ],
  [
    "ip nexthop add id 20 group 10,2/12,1 proto 80",
    "00005000000000000800010014000000140002000a000000010000000c00000000000000",
    said.nexthopGroup,
  ],
]);

test("ip link add vxlan.calico type vxlan id 4096 dstport 4789 local 10.1.0.1 dev eth0 nolearning", () => {
  const sent = Buffer.from(
    "000000000000000000000000000000001100030076786c616e2e63616c69636f000000003c0012000900010076786c616e0000002c00020008000300030000000800010000100000080004000a010001050007000000000006000f0012b50000",
    "hex",
  );
  const { header, attributes } = linkBody.decode(sent);
  assert.deepEqual([attributes.name, attributes.info?.kind], ["vxlan.calico", "vxlan"]);
  const data = attributes.info?.data ?? new Uint8Array();
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const vxlan = vxlanAttributes.decode(view, 0, data.byteLength);
  const said = { id: 4096, link: 3, local: ip("10.1.0.1"), learning: 0, port: 4789 };
  assert.deepEqual({ ...vxlan, unknown: undefined }, { ...said, unknown: undefined });
  const writer = new Writer();
  vxlanAttributes.encode(writer, vxlan);
  assert.deepEqual(sorted(writer.finish(), 0), sorted(data, 0));
  const whole = new Writer();
  linkBody.encode(whole, header, attributes);
  assert.deepEqual(linkBody.decode(whole.finish()), { header, attributes });
});
