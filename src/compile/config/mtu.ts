/**
 * MTUs of a node (Calico's rules): the host's is the least of the links that carry it, each encapsulation takes its
 * overhead off, and pods get the least that any encapsulation in use leaves.
 */
import { goPattern } from "../../base/go-pattern.ts";
import type { AgentConfig } from "./parameters.ts";

export type Encapsulation = "ipip" | "vxlan" | "vxlanV6";

/** Octets that each encapsulation adds: an IPv4 header; IP, UDP, VXLAN and Ethernet headers over IPv4 and over IPv6. */
const overheadOctets: Readonly<Record<Encapsulation, number>> = { ipip: 20, vxlan: 50, vxlanV6: 70 };

/** The host's MTU where no link matches MTUIfacePattern: the least that a cloud is known to have. */
const FALLBACK_HOST_MTU = 1460;

export interface MtuLink {
  readonly name: string;
  readonly isOperUp: boolean;
  /** Octets. */
  readonly mtu: number;
}

/** What MTUs turn on of a pool. */
export interface PoolModes {
  readonly family: 4 | 6;
  /** Whether packets of it may come or go so. */
  readonly ipip: boolean;
  readonly vxlan: boolean;
}

export interface Mtus {
  /** Octets. */
  readonly host: number;
  /** The link whose MTU is the host's; undefined: none matched, `host` is the fallback. */
  readonly hostLink: string | undefined;
  /** MTU of each tunnel device, in use or not. */
  readonly tunnels: Readonly<Record<Encapsulation, number>>;
  /** The encapsulations in use. */
  readonly enabled: readonly Encapsulation[];
  /** What a pod's interface gets. */
  readonly pod: number;
}

type MtuConfig = Pick<
  AgentConfig,
  "mtuIfacePattern" | "ipipMtu" | "vxlanMtu" | "vxlanMtuV6" | "ipipEnabled" | "vxlanEnabled"
>;

export function mtus(links: readonly MtuLink[], config: MtuConfig, pools: readonly PoolModes[]): Mtus {
  const pattern = goPattern(config.mtuIfacePattern);
  const least = links
    .filter(({ name, isOperUp }) => isOperUp && pattern.test(name))
    .reduce<MtuLink | undefined>((best, link) => (best && best.mtu <= link.mtu ? best : link), undefined);
  const host = least?.mtu ?? FALLBACK_HOST_MTU;
  const tunnels = {
    ipip: config.ipipMtu || host - overheadOctets.ipip,
    vxlan: config.vxlanMtu || host - overheadOctets.vxlan,
    vxlanV6: config.vxlanMtuV6 || host - overheadOctets.vxlanV6,
  };
  const enabled = enabledEncapsulations(config, pools);
  return {
    host,
    hostLink: least?.name,
    tunnels,
    enabled,
    pod: enabled.length === 0 ? host : Math.min(...enabled.map((encapsulation) => tunnels[encapsulation])),
  };
}

/** Explicit settings first, else what any pool asks for; IPv6 VXLAN is the pools' alone. */
function enabledEncapsulations(
  config: Pick<AgentConfig, "ipipEnabled" | "vxlanEnabled">,
  pools: readonly PoolModes[],
): readonly Encapsulation[] {
  const isWanted = (family: 4 | 6, by: "ipip" | "vxlan"): boolean =>
    pools.some((pool) => pool.family === family && pool[by]);
  return [
    ...((config.ipipEnabled ?? isWanted(4, "ipip")) ? (["ipip"] as const) : []),
    ...((config.vxlanEnabled ?? isWanted(4, "vxlan")) ? (["vxlan"] as const) : []),
    ...(isWanted(6, "vxlan") ? (["vxlanV6"] as const) : []),
  ];
}
