/**
 * What a network namespace holds, one line per object, in words that do not come from our codecs. `IpToolView` asks iproute2;
 * the memory kernel has a view of its own state with the same lines, so that one contract reads both.
 */
import type { TestNamespace } from "./netns.ts";

export interface KernelView {
  /** `name kind mtu mac up|down`, for VXLAN devices `vni port local parent` behind it. Loopback is left out. */
  links(): readonly string[];
  /** `device address/length`; IPv6 link-local ones and loopback are left out. */
  addresses(): readonly string[];
  /** `type destination via … dev … proto … metric …`; what the kernel adds by itself is left out. */
  routes(): readonly string[];
  /** `device address mac`, permanent ones. */
  neighbours(): readonly string[];
  /** `device mac destination`, permanent ones that have a destination. */
  forwarding(): readonly string[];
  /** `family priority [not] mark/mask table`. */
  rules(): readonly string[];
  /** BPF filters on the ingress of devices, by device and name. */
  filters(): readonly FilterView[];
  /** Ids. */
  nexthops(): readonly number[];
}

export interface FilterView {
  readonly device: string;
  readonly name: string;
  readonly programId: number;
}

interface LinkJson {
  ifname: string;
  mtu: number;
  address: string;
  flags: string[];
  linkinfo?: {
    info_kind: string;
    info_data?: { id: number; port: number; local?: string; local6?: string; link?: string };
  };
}

interface HopJson {
  gateway?: string;
  via?: { host: string };
  dev?: string;
  weight?: number;
  flags?: string[];
}

interface RouteJson extends HopJson {
  type?: string;
  dst: string;
  table?: string;
  protocol: string;
  scope?: string;
  metric?: number;
  prefsrc?: string;
  metrics?: { mtu?: number }[];
  nexthops?: HopJson[];
}

export class IpToolView implements KernelView {
  readonly #namespace: TestNamespace;

  constructor(namespace: TestNamespace) {
    this.#namespace = namespace;
  }

  links(): readonly string[] {
    return this.#namespace
      .json<LinkJson>("ip -j -d link show")
      .filter(({ ifname }) => ifname !== "lo")
      .map(({ ifname, mtu, address, flags, linkinfo }) => {
        const data = linkinfo?.info_kind === "vxlan" ? linkinfo.info_data : undefined;
        const vxlan = data ? ` ${data.id} ${data.port} ${data.local ?? data.local6} ${data.link}` : "";
        return `${ifname} ${linkinfo?.info_kind} ${mtu} ${address} ${flags.includes("UP") ? "up" : "down"}${vxlan}`;
      })
      .sort();
  }

  addresses(): readonly string[] {
    return this.#namespace
      .json<{ ifname: string; addr_info: { local: string; prefixlen: number }[] }>("ip -j address show")
      .filter(({ ifname }) => ifname !== "lo")
      .flatMap(({ ifname, addr_info }) => addr_info.map(({ local, prefixlen }) => `${ifname} ${local}/${prefixlen}`))
      .filter((line) => !line.includes(" fe80:"))
      .sort();
  }

  routes(): readonly string[] {
    const found = ["-4", "-6"].flatMap((family) =>
      this.#namespace.json<RouteJson>(`ip -j -N -d ${family} route show table all`),
    );
    return found
      .filter(({ protocol }) => protocol !== "2")
      .map(routeLine)
      .sort();
  }

  neighbours(): readonly string[] {
    return this.#namespace
      .json<{ dst: string; dev: string; lladdr?: string; state: string[] }>("ip -j neigh show nud permanent")
      .map(({ dst, dev, lladdr }) => `${dev} ${dst} ${lladdr}`)
      .sort();
  }

  forwarding(): readonly string[] {
    return this.#namespace
      .json<{ mac: string; ifname: string; dst?: string; state?: string }>("bridge -j fdb show")
      .filter(({ dst, state }) => dst !== undefined && state === "permanent")
      .map(({ ifname, mac, dst }) => `${ifname} ${mac} ${dst}`)
      .sort();
  }

  rules(): readonly string[] {
    return [4, 6].flatMap((family) =>
      this.#namespace
        .json<{ priority: number; not?: null; fwmark?: string; fwmask?: string; table: string }>(
          `ip -j -N -${family} rule show`,
        )
        .map(({ priority, not, fwmark, fwmask, table }) => {
          const mark = fwmark === undefined ? "all" : `${Number(fwmark)}/${Number(fwmask ?? 0xffffffff)}`;
          return `${family} ${priority} ${not === undefined ? "" : "not "}${mark} ${table}`;
        })
        .sort(),
    );
  }

  filters(): readonly FilterView[] {
    const carriers = this.#namespace
      .json<{ kind: string; dev: string }>("tc -j qdisc show")
      .flatMap(({ kind, dev }) => (kind === "clsact" ? [dev] : []));
    return carriers.flatMap((device) =>
      this.#namespace
        .json<{ options?: { bpf_name?: string; prog?: { id: number } } }>(`tc -j filter show dev ${device} ingress`)
        .flatMap(({ options }) =>
          options?.bpf_name === undefined ? [] : [{ device, name: options.bpf_name, programId: options.prog?.id ?? 0 }],
        ),
    );
  }

  nexthops(): readonly number[] {
    return this.#namespace
      .json<{ id: number }>("ip -j nexthop show")
      .map(({ id }) => id)
      .sort((a, b) => a - b);
  }
}

function routeLine(route: RouteJson): string {
  const { type = "1", dst, table = "254", protocol, scope = "0", metric = 0, prefsrc, metrics, nexthops } = route;
  const hops = nexthops ?? (route.dev === undefined && route.gateway === undefined ? [] : [route]);
  const name = TYPES[type] ?? type;
  const isIpv6 = dst.includes(":");
  const words = [
    name,
    dst === "default" ? "default" : dst.includes("/") ? dst : `${dst}/${isIpv6 ? 128 : 32}`,
    ...(name === "unicast" ? hops.map(hopWords) : []),
    `table ${table} proto ${protocol} scope ${isIpv6 ? "0" : scope} metric ${metric}`,
    ...(prefsrc === undefined ? [] : [`src ${prefsrc}`]),
    ...(metrics ?? []).flatMap(({ mtu }) => (mtu === undefined ? [] : [`mtu ${mtu}`])),
  ];
  return words.join(" ");
}

const TYPES: Readonly<Record<string, string>> = {
  "1": "unicast",
  "6": "blackhole",
  "7": "unreachable",
  "8": "prohibit",
  "9": "throw",
};

function hopWords({ gateway, via, dev, weight = 1, flags = [] }: HopJson): string {
  const address = gateway ?? via?.host;
  return [
    ...(address === undefined ? [] : [`via ${address}`]),
    `dev ${dev}`,
    ...(weight === 1 ? [] : [`weight ${weight}`]),
    ...(flags.includes("onlink") ? ["onlink"] : []),
  ].join(" ");
}
