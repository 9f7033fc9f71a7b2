/** Objects that were made with iproute2 on a running Linux while its messages were taken: what those messages say. */
import { parseAddress as ip } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import type { ForwardingEntry, Neighbour } from "../netlink/rtnetlink/neighbour.ts";
import type { NexthopObject } from "../netlink/rtnetlink/nexthop.ts";
import type { Route } from "../netlink/rtnetlink/route.ts";
import type { Rule } from "../netlink/rtnetlink/rule.ts";

/** Devices by index: 3 is eth0, 5 is vxlan.calico. */
const route = (destination: string, by: Partial<Route>): Route => ({
  destination: parsePrefix(destination),
  table: 254,
  type: "unicast",
  protocol: 80,
  scope: 0,
  metric: 0,
  hops: [],
  flags: 0,
  ...by,
});

export const routes = {
  local: route("10.1.0.1/32", {
    table: 255,
    type: "local",
    protocol: 2,
    scope: 254,
    source: ip("10.1.0.1"),
    hops: [{ device: 3 }],
  }),
  onlink: route("192.168.0.64/26", { hops: [{ device: 5, gateway: ip("192.168.0.64"), flags: 4 }], flags: 4 }),
  blackhole: route("192.168.1.0/26", { type: "blackhole" }),
  metrics: route("10.9.0.0/16", {
    table: 1000,
    metric: 77,
    protocol: 12,
    source: ip("10.1.0.1"),
    mtu: 1380,
    hops: [{ device: 3, gateway: ip("10.1.0.2") }],
  }),
  twoHops: route("10.8.0.0/16", {
    protocol: 3,
    hops: [
      { device: 3, gateway: ip("10.1.0.2"), weight: 3 },
      { device: 5, gateway: ip("192.168.0.64"), flags: 4 },
    ],
  }),
  ipv6: route("fd02::/64", { hops: [{ device: 3, gateway: ip("fd01::2") }] }),
  viaIpv6: route("10.7.0.0/16", { protocol: 3, hops: [{ device: 3, gateway: ip("fd01::9") }] }),
  byObject: route("10.6.0.0/16", { nexthopId: 10 }),
} as const;

export const neighbour: Neighbour = {
  index: 5,
  address: ip("192.168.0.64"),
  mac: "66:00:00:00:00:0b",
  state: 0x80,
  flags: 0,
};

export const forwardingEntry: ForwardingEntry = {
  index: 5,
  mac: "66:00:00:00:00:0b",
  destination: ip("10.1.0.2"),
  state: 0xc0,
  flags: 2,
};

export const invertedRule: Rule = {
  family: 4,
  priority: 99,
  action: "lookup",
  table: 1,
  mark: 0x200000,
  mask: 0x200000,
  invert: true,
};

export const nexthop: NexthopObject = {
  id: 10,
  protocol: 80,
  family: 4,
  device: 3,
  gateway: ip("10.1.0.2"),
  onlink: true,
};

export const nexthopGroup: NexthopObject = {
  id: 20,
  protocol: 80,
  group: [
    { id: 10, weight: 2 },
    { id: 12, weight: 1 },
  ],
};
