/** What a pod of this node needs on the host: its route and the settings of its device (calico-dataplane 1.4, 2.7). */
import { formatPrefix } from "../../ip/prefix.ts";
import { originatedOfEndpoint } from "../bgp/originated.ts";
import { type Fragment, RoutePreference } from "../fragment.ts";
import type { SysctlItem } from "../node-state.ts";
import type { Endpoint, View } from "../view.ts";
import { unnamedMetric } from "./metric.ts";

const TABLE_MAIN = 254;
const SCOPE_LINK = 253;

export function endpointPieces(endpoint: Endpoint, view: View): Fragment {
  const { device, addresses } = endpoint;
  const { rpFilter, deviceRouteProtocol: protocol, deviceRouteSource, ipForwarding } = view.local;
  const source = deviceRouteSource === undefined ? {} : { source: deviceRouteSource };
  const originated = originatedOfEndpoint(endpoint, view);
  return {
    ...(originated.length === 0 ? {} : { bgp: { originated } }),
    sysctls: [
      ...workloadSysctls(device, rpFilter),
      ...(addresses.some(({ address }) => typeof address === "bigint") ? ipv6Sysctls(device, ipForwarding) : []),
    ],
    routes: addresses.map((address) => ({
      route: {
        table: TABLE_MAIN,
        destination: formatPrefix(address),
        type: "unicast",
        protocol,
        scope: SCOPE_LINK,
        metric: unnamedMetric(address),
        nextHops: [{ device }],
        ...source,
      },
      preference: RoutePreference.localWorkload,
    })),
  };
}

/** Felix's column of the table of workload sysctls. */
function workloadSysctls(device: string, rpFilter: string): readonly SysctlItem[] {
  return [
    { path: `net/ipv4/conf/${device}/route_localnet`, value: "1" },
    { path: `net/ipv4/neigh/${device}/proxy_delay`, value: "0" },
    { path: `net/ipv4/conf/${device}/proxy_arp`, value: "1" },
    { path: `net/ipv4/conf/${device}/forwarding`, value: "1" },
    { path: `net/ipv4/conf/${device}/rp_filter`, value: rpFilter },
  ];
}

/**
 * The same for a pod with an IPv6 address. The kernel forwards IPv6 only where the whole host does, whatever the device
 * says, and such a host takes no router's advertisements any more (accept_ra 1): no pod of IPv6, no such setting.
 */
const ipv6Sysctls = (device: string, ipForwarding: boolean): readonly SysctlItem[] => [
  ...(ipForwarding ? [{ path: "net/ipv6/conf/all/forwarding", value: "1" }] : []),
  { path: `net/ipv6/conf/${device}/forwarding`, value: "1" },
  { path: `net/ipv6/conf/${device}/proxy_ndp`, value: "1" },
  { path: `net/ipv6/conf/${device}/accept_ra`, value: "0" },
];
