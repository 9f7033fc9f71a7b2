/** Whatever our writers write, our readers read back as it was said. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type IpAddress, ipv4Of, ipv6Of } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import { Writer } from "../../wire/writer.ts";
import type { AttributeTable } from "../attributes.ts";
import { beginMessage, endMessage, Flag } from "../message.ts";
import { type Address, addressBody, addressBodyOf, addressOf } from "./address.ts";
import type { Body, BodyCodec, StructureTable } from "./body.ts";
import { RtmType } from "./codes.ts";
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
import { type Hop, type Route, routeBody, routeBodyOf, routeOf } from "./route.ts";
import { type Ipv4RouteFields, writeIpv4Route } from "./route-writer.ts";
import { type Rule, ruleBody, ruleBodyOf, ruleOf } from "./rule.ts";

const plain = { noNullPrototype: true } as const;
const u8 = fc.nat(255);
const u32 = fc.nat(0xffffffff);
const index = fc.integer({ min: 1, max: 0x7fffffff });
const ipv4: fc.Arbitrary<IpAddress> = u32.map(ipv4Of);
const ipv6: fc.Arbitrary<IpAddress> = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(ipv6Of);
const ip = fc.oneof(ipv4, ipv6);
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((octets) => Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(":"));
const device = fc.string({ unit: fc.constantFrom(..."abcxyz0189.-"), minLength: 1, maxLength: 15 });
const prefix = ip.chain((address) =>
  fc.nat(typeof address === "number" ? 32 : 128).map((length): Prefix => ({ address, length })),
);
/** A record some of whose fields are left out; what is there is never undefined. */
const partly = <T, K extends keyof T>(fields: { [F in keyof T]: fc.Arbitrary<T[F]> }, requiredKeys: K[]) =>
  fc.record(fields, { requiredKeys, noNullPrototype: true });

function encoded<S extends StructureTable, A extends AttributeTable>(
  codec: BodyCodec<S, A>,
  { header, attributes }: Body<S, A>,
): Uint8Array {
  const writer = new Writer();
  codec.encode(writer, header, attributes);
  return writer.finish();
}

test("addresses", () => {
  const address = partly({ index, address: prefix, scope: u8, flags: u32, broadcast: ipv4, label: device }, [
    "index",
    "address",
    "scope",
    "flags",
  ]);
  fc.assert(
    fc.property(address, (value) => {
      assert.deepEqual(addressOf(addressBody.decode(encoded(addressBody, addressBodyOf(value as Address)))), value);
    }),
  );
});

test("routes of every number of next hops, by objects, in every table", () => {
  const hop = (weight: fc.Arbitrary<number>): fc.Arbitrary<Hop> =>
    partly({ device: index, gateway: ip, flags: fc.constant(4), weight }, ["device"]);
  const hops = fc.oneof(
    hop(fc.constant(1)).map(({ weight: _weight, ...only }) => [only]),
    fc.array(hop(fc.integer({ min: 2, max: 256 })), { minLength: 2, maxLength: 5 }),
    fc.constant([]),
  );
  const route = fc
    .record({
      base: partly(
        {
          destination: prefix,
          table: u32,
          type: fc.constantFrom("unicast" as const, "blackhole" as const, "throw" as const),
          protocol: u8,
          scope: u8,
          metric: u32,
          source: ip,
          mtu: u32,
          tos: fc.integer({ min: 1, max: 255 }),
          from: prefix,
        },
        ["destination", "table", "type", "protocol", "scope", "metric"],
      ),
      hops,
      nexthopId: fc.option(u32, { nil: undefined }),
    })
    .map(({ base, hops: some, nexthopId }): Route => {
      const [first] = some;
      const flags = some.length === 1 ? (first?.flags ?? 0) : 0;
      return nexthopId === undefined ? { ...base, hops: some, flags } : { ...base, hops: [], nexthopId, flags: 0 };
    });
  fc.assert(
    fc.property(route, (value) => {
      assert.deepEqual(routeOf(routeBody.decode(encoded(routeBody, routeBodyOf(value)))), value);
    }),
  );
});

test("the writer for routes in bulk writes the octets that the tables write", () => {
  const fields: fc.Arbitrary<Ipv4RouteFields> = fc.record({
    destination: u32,
    length: fc.nat(32),
    table: fc.oneof(u8, u32),
    type: fc.constantFrom(1, 6),
    protocol: u8,
    scope: u8,
    metric: fc.oneof(fc.constant(0), u32),
    source: fc.oneof(fc.constant(0), u32),
    mtu: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 65_535 })),
    nexthopId: fc.oneof(fc.constant(0), u32),
    device: fc.oneof(fc.constant(0), index),
    gateway: fc.oneof(fc.constant(0), u32),
    isOnlink: fc.boolean(),
  });
  const kind = { type: RtmType.newRoute, flags: Flag.request | Flag.create | Flag.replace };
  fc.assert(
    fc.property(fields, (given) => {
      const bulk = new Writer();
      writeIpv4Route(bulk, kind, given);
      const byTables = new Writer();
      const at = beginMessage(byTables, kind.type, kind.flags);
      const { header, attributes } = routeBodyOf(routeFrom(given));
      routeBody.encode(byTables, header, attributes);
      endMessage(byTables, at);
      assert.deepEqual(Buffer.from(bulk.finish()).toString("hex"), Buffer.from(byTables.finish()).toString("hex"));
    }),
  );
});

function routeFrom(fields: Ipv4RouteFields): Route {
  const { destination, length, table, type, protocol, scope, metric, source, mtu, nexthopId, device: number } = fields;
  const hop: Hop = {
    ...(number === 0 ? {} : { device: number }),
    ...(fields.gateway === 0 ? {} : { gateway: ipv4Of(fields.gateway) }),
    ...(fields.isOnlink ? { flags: 4 } : {}),
  };
  return {
    destination: { address: ipv4Of(destination), length },
    table,
    type: type === 6 ? "blackhole" : "unicast",
    protocol,
    scope,
    metric,
    hops: nexthopId === 0 ? [hop] : [],
    ...(source === 0 ? {} : { source: ipv4Of(source) }),
    ...(mtu === 0 ? {} : { mtu }),
    ...(nexthopId === 0 ? {} : { nexthopId }),
  };
}

test("neighbours and forwarding entries", () => {
  const state = fc.nat(0xffff);
  const neighbour = partly({ index, address: ip, mac, state, flags: u8 }, ["index", "address", "state", "flags"]);
  fc.assert(
    fc.property(neighbour, (value) => {
      const octets = encoded(neighbourBody, neighbourBodyOf(value as Neighbour));
      assert.deepEqual(neighbourOf(neighbourBody.decode(octets)), value);
    }),
  );
  const flags = fc.integer({ min: 1, max: 255 });
  const entry = partly({ index, mac, destination: ip, state, flags, vlan: fc.nat(4_095) }, [
    "index",
    "mac",
    "state",
    "flags",
  ]);
  fc.assert(
    fc.property(entry, (value) => {
      const octets = encoded(neighbourBody, forwardingBodyOf(value as ForwardingEntry));
      assert.deepEqual(forwardingEntryOf(neighbourBody.decode(octets)), value);
    }),
  );
});

test("rules", () => {
  const rule = partly(
    {
      family: fc.constantFrom(4 as const, 6 as const),
      priority: u32,
      action: fc.constantFrom("lookup" as const, "blackhole" as const, "goto" as const),
      table: fc.integer({ min: 1, max: 0xffffffff }),
      mark: u32,
      mask: u32,
      invert: fc.constant(true),
      from: prefix,
      to: prefix,
      inputDevice: device,
      outputDevice: device,
      protocol: fc.integer({ min: 1, max: 255 }),
    },
    ["family", "priority", "action"],
  );
  fc.assert(
    fc.property(rule, (value) => {
      assert.deepEqual(ruleOf(ruleBody.decode(encoded(ruleBody, ruleBodyOf(value as Rule)))), value);
    }),
  );
});

test("nexthop objects and groups of them", () => {
  const single = partly(
    {
      id: u32,
      protocol: u8,
      family: fc.constantFrom(4 as const, 6 as const),
      device: index,
      gateway: ip,
      onlink: fc.constant(true),
      blackhole: fc.constant(true),
    },
    ["id", "protocol", "family"],
  );
  const member = fc.record({ id: u32, weight: fc.integer({ min: 1, max: 256 }) }, plain);
  const group = fc.record({ id: u32, protocol: u8, group: fc.array(member, { maxLength: 6 }) }, plain);
  fc.assert(
    fc.property(fc.oneof(single, group), (value) => {
      const octets = encoded(nexthopBody, nexthopBodyOf(value as NexthopObject));
      assert.deepEqual(nexthopOf(nexthopBody.decode(octets)), value);
    }),
  );
});
