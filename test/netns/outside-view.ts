/** What the system's own tools say of the objects that are ours by their marks, under the keys that `verify` uses. */
import type { TestNamespace } from "../../src/testing/netns.ts";

/** What Calico sets on the ends of pods; see also ip_forward. */
const END_SETTINGS = ["forwarding", "proxy_arp", "route_localnet", "rp_filter"] as const;

/** Settings that are looked at, below /proc/sys. */
export const SETTINGS: readonly string[] = [
  "net/ipv4/ip_forward",
  ...["cali123", "cali456"].flatMap((end) => [
    ...END_SETTINGS.map((name) => `net/ipv4/conf/${end}/${name}`),
    `net/ipv4/neigh/${end}/proxy_delay`,
  ]),
];

const DEVICE = "vxlan.calico";

/** From `<kind> <key>` to everything that counts, as text. */
export function outsideView(host: TestNamespace): ReadonlyMap<string, string> {
  return new Map([
    ...links(host),
    ...addresses(host),
    ...neighbours(host),
    ...forwarding(host),
    ...routes(host),
    ...tables(host),
    ...settings(host),
  ]);
}

type Entries = readonly (readonly [string, string])[];

interface LinkJson {
  readonly ifname: string;
  readonly mtu: number;
  readonly address: string;
  readonly flags: readonly string[];
  readonly linkinfo?: { readonly info_data?: object };
  readonly addr_info?: readonly { readonly family: string; readonly local: string; readonly prefixlen: number }[];
}

const linkList = (host: TestNamespace): LinkJson[] => host.json<LinkJson>("ip -j -d address show");

const has = (host: TestNamespace): boolean => linkList(host).some(({ ifname }) => ifname === DEVICE);

function links(host: TestNamespace): Entries {
  return linkList(host)
    .filter(({ ifname }) => ifname === DEVICE)
    .map(({ mtu, address, flags, linkinfo }) => [
      `links ${DEVICE}`,
      `${mtu} ${address} ${flags.includes("UP")} ${JSON.stringify(linkinfo)}`,
    ]);
}

function addresses(host: TestNamespace): Entries {
  return linkList(host)
    .filter(({ ifname }) => ifname === DEVICE)
    .flatMap(({ addr_info = [] }) => addr_info)
    .filter(({ family }) => family === "inet")
    .map(({ local, prefixlen }) => [`addresses ${DEVICE} ${hexOf(local)}/${prefixlen}`, ""]);
}

function neighbours(host: TestNamespace): Entries {
  if (!has(host)) return [];
  return host
    .json<{ dst: string; lladdr: string }>(`ip -j neigh show dev ${DEVICE} nud permanent`)
    .map(({ dst, lladdr }) => [`neighbours ${DEVICE} ${hexOf(dst)}`, lladdr]);
}

function forwarding(host: TestNamespace): Entries {
  if (!has(host)) return [];
  return host
    .json<{ mac: string; dst?: string; state?: string }>(`bridge -j fdb show dev ${DEVICE}`)
    .filter(({ dst, state }) => dst !== undefined && state === "permanent")
    .map(({ mac, dst }) => [`fdb ${DEVICE} ${mac}`, dst ?? ""]);
}

interface RouteJson {
  readonly type?: string;
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly protocol?: string;
  readonly scope?: string;
  readonly metric?: number;
  readonly flags: readonly string[];
}

function routes(host: TestNamespace): Entries {
  return host
    .json<RouteJson>("ip -j route show")
    .filter(
      ({ dev = "", type, protocol, scope }) =>
        dev === DEVICE || (dev.startsWith("cali") && scope === "link") || (type === "blackhole" && protocol === "80"),
    )
    .map(({ dst, metric = 0, flags, ...rest }) => {
      // A route whose device has lost its carrier says so; the route itself is the same.
      const lasting = flags.filter((flag) => flag === "onlink");
      const destination = dst.includes("/") ? dst : `${dst}/32`;
      return [`routes 254 ${destination} ${metric}`, JSON.stringify([rest, lasting])];
    });
}

function tables(host: TestNamespace): Entries {
  const listed = host.run("nft", "-j", "list", "ruleset");
  const { nftables } = JSON.parse(listed) as {
    nftables: Readonly<Record<string, { table?: string; name?: string }>>[];
  };
  const ours = nftables.filter((item) => Object.values(item).some((part) => (part.table ?? part.name) === "calico"));
  if (ours.length === 0) return [];
  const text = JSON.stringify(ours, (name, value: unknown) =>
    name === "handle" || name === "packets" || name === "bytes" ? undefined : value,
  );
  return [["tables ip calico", text]];
}

const settings = (host: TestNamespace): Entries =>
  SETTINGS.map((path) => [`sysctls ${path}`, host.run("cat", `/proc/sys/${path}`).trim()]);

/** As the keys of items have it. */
function hexOf(address: string): string {
  const octets = address.split(".").map(Number);
  return octets.reduce((value, octet) => value * 256 + octet, 0).toString(16);
}
