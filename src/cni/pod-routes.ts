/** What a pod's namespace holds: the routes that ADD makes, and what CHECK finds missing of it all. */
import { PODS_GATEWAY } from "../compile/routing/pods-gateway.ts";
import { formatAddress, type IpAddress, ipv4Of, ipv6Of } from "../ip/address.ts";
import { hostPrefix, type Prefix } from "../ip/prefix.ts";
import type { Rtnetlink } from "../kernel/rtnetlink.ts";
import { addresses, routes } from "../kernel/rtnetlink-dumps.ts";
import type { Request } from "../kernel/rtnetlink-requests.ts";
import { RouteProtocol, RouteTable, Scope } from "../netlink/rtnetlink/codes.ts";
import type { IfIndex } from "../netlink/rtnetlink/link.ts";
import type { NetNamespace } from "../port/namespaces.ts";
import { GATEWAY6, wrongHostSettings } from "./host-side.ts";

const DEFAULT4: Prefix = { address: ipv4Of(0), length: 0 };
const DEFAULT6: Prefix = { address: ipv6Of(0n), length: 0 };

/** IPv4: the gateway on the link, then everything through it. IPv6: everything through the host's link-local address. */
export function podRoutes(family: 4 | 6, device: IfIndex): readonly Request[] {
  const common = { table: RouteTable.main, type: "unicast", protocol: RouteProtocol.boot, metric: 0 } as const;
  const through = (destination: Prefix, gateway: IpAddress): Request => ({
    type: "addRoute",
    route: { ...common, destination, scope: Scope.universe, hops: [{ device, gateway }] },
  });
  if (family === 6) return [through(DEFAULT6, GATEWAY6)];
  const link = { ...common, destination: hostPrefix(PODS_GATEWAY), scope: Scope.link, hops: [{ device }] };
  return [{ type: "addRoute", route: link }, through(DEFAULT4, PODS_GATEWAY)];
}

export interface PairNames {
  readonly ifName: string;
  readonly hostName: string;
}

/** What differs from what ADD made; empty when all is well. Throws KernelError. */
export async function podDifferences(
  kernels: { readonly pod: Rtnetlink; readonly host: Rtnetlink; readonly hostNamespace: NetNamespace },
  names: PairNames,
  hosts: readonly IpAddress[],
): Promise<readonly string[]> {
  const link = await kernels.pod.linkOffLoop(names.ifName);
  const hostLink = await kernels.host.linkOffLoop(names.hostName);
  if (!link) return [`interface ${names.ifName} is missing in the pod`];
  if (!hostLink) return [`interface ${names.hostName} is missing on the host`];
  const found: string[] = [];
  if (!link.up) found.push(`interface ${names.ifName} in the pod is down`);
  if (!hostLink.up) found.push(`interface ${names.hostName} on the host is down`);
  const [own, known] = await Promise.all([
    kernels.pod.dump(addresses({ index: link.index })),
    kernels.pod.dump(routes({ table: RouteTable.main })),
  ]);
  for (const address of hosts) {
    if (!own.some((held) => held.address.address === address))
      found.push(`address ${formatAddress(address)} is missing in the pod`);
  }
  if (hosts.some((address) => typeof address === "number")) {
    const hasDefault = known.some(
      ({ destination, hops }) => destination.length === 0 && hops.some(({ gateway }) => gateway === PODS_GATEWAY),
    );
    if (!hasDefault) found.push("the default route via 169.254.1.1 is missing in the pod");
  }
  return [...found, ...wrongHostSettings(kernels.hostNamespace, names.hostName)];
}
