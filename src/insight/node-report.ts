/** What `ocicat node show` tells of one node: everything that an agent knows of itself, as plain data. */

import type { Json } from "../base/json.ts";
import { describeRoute } from "../compile/describe.ts";
import type { Agent, StoreState } from "../dataplane/agent.ts";
import type { IpipChoice } from "../dataplane/drivers/ipip-carrier.ts";
import type { Repair } from "../dataplane/repair.ts";
import { formatPrefix } from "../ip/prefix.ts";
import type { ForeignBaseChain } from "../netlink/nftables/foreign-chain.ts";

export interface NodeReport {
  readonly node: string;
  readonly version: string;
  readonly backend: string;
  /** Address and device that this node's own sockets and tunnels bind to. */
  readonly localAddress?: { readonly address: string; readonly device: string };
  /** What the Node resource says that peers send to. */
  readonly advertisedAddress?: string;
  readonly store: StoreState;
  /** What carries IP-in-IP on this host. */
  readonly ipip: IpipChoice;
  readonly pools: readonly {
    readonly name: string;
    readonly cidr: string;
    readonly vxlanMode: string;
    readonly ipipMode: string;
  }[];
  readonly blocks: readonly string[];
  readonly routes: readonly string[];
  readonly endpoints: readonly EndpointReport[];
  readonly items: readonly {
    readonly kind: string;
    readonly desired: number;
    readonly actual: number;
    readonly failed: readonly { readonly key: string; readonly why: string }[];
  }[];
  /** Base chains of others that drop what this host forwards. */
  readonly forwardDrops: readonly ForeignBaseChain[];
  readonly reports: readonly string[];
  /** Newest last. */
  readonly repairs: readonly Repair[];
  /** Parameters that are not at their default, with the source of each in words. */
  readonly configuration?: Readonly<Record<string, { readonly value: Json; readonly from: string }>>;
  /** Parts that the program adds: how the address was chosen, configuration with its sources, turns. */
  readonly [more: string]: unknown;
}

export interface EndpointReport {
  readonly name: string;
  readonly device: string;
  readonly addresses: readonly string[];
  readonly state: "up" | "down";
  readonly reason?: string;
}

/** What compile could not turn into items, and objects that cannot be read, in words. */
export const reportsOf = ({ dataplane, unreadable }: Agent): readonly string[] => [
  ...[...dataplane.reports.values()].flat(),
  ...unreadable,
];

/** What the agent itself does not know. */
export type NodeParts = Pick<NodeReport, "endpoints" | "version" | "ipip">;

export function nodeReport(agent: Agent, { endpoints, version, ipip }: NodeParts): NodeReport {
  const { view, dataplane } = agent;
  const { address, node, backend } = view.local;
  const advertised = view.ownNode?.ipv4;
  return {
    node,
    version,
    backend,
    ...(address ? { localAddress: { address: formatPrefix(address), device: address.device } } : {}),
    ...(advertised ? { advertisedAddress: formatPrefix(advertised) } : {}),
    store: agent.store,
    ipip,
    pools: Array.from(view.pools.values(), ({ origin, cidr, vxlanMode, ipipMode }) => ({
      name: origin.name,
      cidr: formatPrefix(cidr),
      vxlanMode,
      ipipMode,
    })),
    blocks: Array.from(view.blocks.values())
      .filter(({ owner }) => owner === node)
      .map(({ key }) => key),
    routes: Array.from(dataplane.desired("routes"), ({ value }) => describeRoute(value)).sort(),
    endpoints,
    items: dataplane.status().map(({ driver, desired, actual, failed }) => ({
      kind: driver,
      desired,
      actual,
      failed: failed.map(({ key, error }) => ({ key, why: error.message })),
    })),
    forwardDrops: view.local.forwardDrops ?? [],
    reports: reportsOf(agent),
    repairs: agent.repairs.map(({ at: _at, ...repair }) => repair),
  };
}
