/** Routes: a kernel with foreign ones in it, what may be wanted, and what others may do to it. */
import { type NextHop, type RouteItem, routeKey } from "../compile/node-state.ts";
import { RouteDriver } from "../dataplane/drivers/routes.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { covers, parsePrefix } from "../ip/prefix.ts";
import { NextHopFlag } from "../netlink/rtnetlink/codes.ts";
import type { Route } from "../netlink/rtnetlink/route.ts";
import type { DriverWorld } from "./driver-contract.ts";
import { Ground, type KernelUnderTest, VXLAN } from "./driver-ground.ts";

const ip = parseAddress;
const POOLS = ["10.9.0.0/16", "fd09::/48"].map(parsePrefix);
const POD = "cali1";

/** The mark, in short: our devices, or protocol 80 inside a pool. */
function owns({ nextHops, protocol, destination, table }: RouteItem): boolean {
  if (table !== 254 || protocol === 2) return false;
  if (nextHops.some(({ device }) => device === POD || device === VXLAN)) return true;
  return protocol === 80 && POOLS.some((pool) => covers(pool, parsePrefix(destination)));
}

const route = (destination: string, nextHops: readonly NextHop[], more: Partial<RouteItem> = {}): RouteItem => ({
  table: 254,
  destination,
  type: "unicast",
  protocol: 80,
  scope: 0,
  metric: destination.includes(":") ? 1024 : 0,
  nextHops,
  ...more,
});

const overVxlan = (gateway: string): readonly NextHop[] => [{ device: VXLAN, gateway: ip(gateway), onlink: true }];
const overNic = (gateway: string): readonly NextHop[] => [{ device: "eth0", gateway: ip(gateway) }];

const items: readonly RouteItem[] = [
  route("10.9.0.0/26", overVxlan("10.5.0.1"), { protocol: 3 }),
  route("10.9.0.0/26", overVxlan("10.5.0.2"), { protocol: 3 }),
  route("10.9.0.0/26", overNic("10.1.0.7")),
  route("10.9.0.0/26", [], { type: "blackhole" }),
  route("10.9.0.64/26", overVxlan("10.5.0.1"), { protocol: 3, mtu: 1450 }),
  route("10.9.0.128/26", overNic("10.1.0.7"), { source: ip("10.1.0.1") }),
  route("10.9.0.192/26", [
    { device: "eth0", gateway: ip("10.1.0.7") },
    { device: "eth0", gateway: ip("10.1.0.8"), weight: 3 },
  ]),
  route("10.9.1.1/32", [{ device: POD }], { scope: 253, protocol: 3 }),
  route("fd09::/64", overNic("fd01::7")),
  route("fd09::/64", [], { type: "blackhole" }),
  route("fd09:0:0:1::/64", [
    { device: "eth0", gateway: ip("fd01::7") },
    { device: "eth0", gateway: ip("fd01::8") },
  ]),
];

const hopWords = ({ gateway, device, weight = 1, onlink }: NextHop): string =>
  [
    ...(gateway === undefined ? [] : [`via ${formatAddress(gateway)}`]),
    `dev ${device}`,
    ...(weight === 1 ? [] : [`weight ${weight}`]),
    ...(onlink === true ? ["onlink"] : []),
  ].join(" ");

const lineOf = ({ type, destination, nextHops, table, protocol, scope, metric, source, mtu }: RouteItem): string =>
  [
    type,
    destination,
    ...nextHops.map(hopWords),
    `table ${table} proto ${protocol} scope ${scope} metric ${metric}`,
    ...(source === undefined ? [] : [`src ${formatAddress(source)}`]),
    ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
  ].join(" ");

/** `nexthopObjectsFrom`: 0 to share gateways as nexthop objects at once. */
export function routeWorld(
  kernel: KernelUnderTest,
  options: { readonly nexthopObjectsFrom?: number } = {},
): DriverWorld<RouteItem> {
  const ground = Ground.withDevices(kernel);
  const mend = () => {
    ground.up("eth0", "eth0p");
    ground.addAddress("eth0", "10.1.0.1/24");
    ground.addAddress("eth0", "fd01::1/64");
    ground.makePod(POD);
    ground.makeVxlan();
    ground.up(VXLAN);
    for (const foreign of standing) ground.attempt({ type: "replaceRoute", route: foreign });
  };
  const via = (gateway: string, device = "eth0", flags = 0): Partial<Route> => ({
    hops: [{ gateway: ip(gateway), device: ground.index(device), flags }],
  });
  const standing: readonly Route[] = [
    ground.route("10.99.0.0/24", via("10.1.0.250")),
    ground.route("10.9.7.0/24", { ...via("10.1.0.250"), protocol: 12 }),
    ground.route("10.99.1.0/24", { type: "unreachable", table: 1000, protocol: 80 }),
    ground.route("10.99.2.0/24", { type: "blackhole", protocol: 80 }),
  ];
  mend();
  const first = "10.9.0.0/26";
  return {
    kernel,
    newDriver: () => ground.newDriver((deps) => new RouteDriver(deps, { owns, ...options })),
    keyOf: routeKey,
    items,
    seen: () => kernel.view.routes(),
    lineOf,
    foreign: kernel.view.routes(),
    tolerated: [`unicast ${first} via 10.1.0.66 dev eth0 table 254 proto 4 scope 0 metric 0`],
    hands: {
      "removes it": () =>
        void ground.attempt({
          type: "deleteRoute",
          route: ground.route(first, { type: "other", protocol: 0, scope: 255 }),
        }),
      "sends it elsewhere": () =>
        void ground.attempt({
          type: "replaceRoute",
          route: ground.route(first, { ...via("10.1.0.66"), protocol: 80 }),
        }),
      "takes its place": () =>
        void ground.attempt({ type: "replaceRoute", route: ground.route(first, via("10.1.0.66")) }),
      "adds one behind it": () =>
        void ground.attempt({
          type: "appendRoute",
          route: ground.route(first, { ...via("10.5.0.2", VXLAN, NextHopFlag.onlink), protocol: 3 }),
        }),
      "adds another in a pool": () =>
        void ground.attempt({
          type: "replaceRoute",
          route: ground.route("10.9.66.0/24", { ...via("10.1.0.9"), protocol: 80 }),
        }),
      "adds another on a device": () =>
        void ground.attempt({
          type: "replaceRoute",
          route: ground.route("10.88.0.0/24", { scope: 253, hops: [{ device: ground.index(POD) }] }),
        }),
      "sets the tunnel down and up": () => {
        ground.down(VXLAN);
        ground.up(VXLAN);
      },
      "takes the NIC's address and gives it back": () => {
        ground.removeAddress("eth0", "10.1.0.1/24");
        ground.addAddress("eth0", "10.1.0.1/24");
      },
      "gives the tunnel an address and takes it": () => {
        ground.addAddress(VXLAN, "10.5.0.9/32");
        ground.removeAddress(VXLAN, "10.5.0.9/32");
      },
      "takes the carrier and gives it back": () => {
        ground.down("eth0p");
        ground.up("eth0p");
      },
      "makes the pod's device anew": () => {
        ground.remove(POD);
        ground.makePod(POD);
      },
      "sets the NIC down": () => ground.down("eth0"),
      "removes all nexthop objects": () => {
        for (const id of kernel.view.nexthops())
          ground.attempt({ type: "deleteNexthop", nexthop: { id, protocol: 0 } });
      },
    },
    mend,
    hinder: {
      act: () => ground.remove(VXLAN),
      hinders: ({ nextHops }) => nextHops.some(({ device }) => device === VXLAN),
    },
    close: () => ground.close(),
  };
}
