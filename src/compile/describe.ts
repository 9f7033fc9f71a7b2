/** Items in the words of iproute2, which is what people compare them with. */
import { formatAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import type {
  AddressItem,
  FdbItem,
  LinkItem,
  NeighbourItem,
  NextHop,
  RouteItem,
  SysctlItem,
  TunnelSourceItem,
} from "./node-state.ts";

/** rtnetlink.h RTPROT_* by the names that iproute2 prints; it prints none for boot. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  2: " proto kernel",
  3: "",
  4: " proto static",
  12: " proto bird",
};
const SCOPES: Readonly<Record<number, string>> = { 0: "", 253: " scope link", 254: " scope host" };
const TABLE_MAIN = 254;

export function describeRoute(route: RouteItem): string {
  const type = route.type === "unicast" ? "" : `${route.type} `;
  const table = route.table === TABLE_MAIN ? "" : ` table ${route.table}`;
  const protocol = PROTOCOLS[route.protocol] ?? ` proto ${route.protocol}`;
  const scope = SCOPES[route.scope] ?? ` scope ${route.scope}`;
  const source = route.source === undefined ? "" : ` src ${formatAddress(route.source)}`;
  const metric = route.metric === 0 ? "" : ` metric ${route.metric}`;
  const mtu = route.mtu === undefined ? "" : ` mtu ${route.mtu}`;
  const [first, ...more] = route.nextHops;
  const destination = route.destination.replace(/\/32$/, "");
  if (!first || more.length > 0) {
    const hops = route.nextHops.map((hop) => ` nexthop${describeHop(hop)} weight ${hop.weight ?? 1}${onlink(hop)}`);
    return `${type}${destination}${table}${protocol}${scope}${source}${metric}${mtu}${hops.join("")}`;
  }
  return `${type}${destination}${describeHop(first)}${table}${protocol}${scope}${source}${metric}${mtu}${onlink(first)}`;
}

const describeHop = ({ gateway, device }: NextHop): string =>
  `${gateway === undefined ? "" : ` via ${formatAddress(gateway)}`}${device === undefined ? "" : ` dev ${device}`}`;
const onlink = (hop: NextHop): string => (hop.onlink ? " onlink" : "");

/** How a device was found, after `nolearning` of one as it shall be. */
const FOUND = { asWanted: " nolearning", down: " nolearning, set down", unlike: ", with flags that are not ours" };
/** The same of an IP-in-IP device. */
const FOUND_IPIP = { asWanted: "", down: ", set down", unlike: ", not whole" };

export function describeLink(link: LinkItem): string {
  const { name, mtu, parent, found = "asWanted" } = link;
  const local = formatAddress(link.local);
  return link.kind === "ipip"
    ? `${name} mtu ${mtu} ipip remote any local ${local} dev ${parent} ttl inherit nopmtudisc${FOUND_IPIP[found]}`
    : `${name} mtu ${mtu} link/ether ${link.mac} vxlan id ${link.vni} local ${local} dev ${parent} dstport ${link.port}${FOUND[found]}`;
}

export const describeAddressItem = ({ device, address }: AddressItem): string =>
  `${formatPrefix(address)} dev ${device}`;

export const describeNeighbour = ({ address, device, mac }: NeighbourItem): string =>
  `${formatAddress(address)} dev ${device} lladdr ${mac} PERMANENT`;

export const describeFdb = ({ mac, device, destination }: FdbItem): string =>
  `${mac} dev ${device} dst ${formatAddress(destination)} self permanent`;

export const describeTunnelSource = ({ address, device }: TunnelSourceItem): string =>
  `${formatAddress(address)} may send to ${device}`;

export const describeSysctl = ({ path, value }: SysctlItem): string => `${path.replaceAll("/", ".")} = ${value}`;
