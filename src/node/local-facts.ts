/** What compile takes as facts of its own node, from what start-up found and the configuration says. Pure. */

import { type Mtus, mtus, type PoolModes } from "../compile/config/mtu.ts";
import type { AgentConfig } from "../compile/config/parameters.ts";
import { takesIn } from "../compile/tunnels/encapsulation.ts";
import type { Local, Pool } from "../compile/view.ts";
import type { ForeignBaseChain } from "../netlink/nftables/foreign-chain.ts";
import type { HostInterface } from "../port/host-facts.ts";
import type { Backend } from "./environment.ts";
import type { NodeAddresses } from "./node-address.ts";

export interface LocalFactsInput {
  readonly node: string;
  readonly backend: Backend;
  readonly addresses: NodeAddresses | undefined;
  readonly interfaces: readonly HostInterface[];
  readonly config: AgentConfig;
  readonly pools: readonly Pick<Pool, "cidr" | "ipipMode" | "vxlanMode" | "alsoTakesIn">[];
  /** CALICO_ROUTER_ID. */
  readonly routerId: Local["routerId"];
  /** `net.ipv4.conf.default.rp_filter` when the agent started. */
  readonly rpFilter: string;
  /** Base chains of others that drop what is forwarded. */
  readonly forwardDrops: readonly ForeignBaseChain[];
}

export function localFacts(input: LocalFactsInput): { readonly local: Local; readonly mtus: Mtus } {
  const { node, backend, addresses, interfaces, config, rpFilter, routerId, forwardDrops } = input;
  const modes = input.pools.map(
    (pool): PoolModes => ({
      family: typeof pool.cidr.address === "number" ? 4 : 6,
      ipip: takesIn(pool, "ipip"),
      vxlan: takesIn(pool, "vxlan"),
    }),
  );
  const found = mtus(interfaces, config, modes);
  const local: Local = {
    node,
    backend,
    address: addresses?.ipv4?.local,
    vxlan: {
      vni: config.vxlanVni,
      port: config.vxlanPort,
      mtu: found.tunnels.vxlan,
      ...(config.vxlanEnabled === undefined ? {} : { enabled: config.vxlanEnabled }),
    },
    ipip: {
      mtu: found.tunnels.ipip,
      ...(config.ipipEnabled === undefined ? {} : { enabled: config.ipipEnabled }),
    },
    ...(routerId === undefined ? {} : { routerId }),
    rpFilter,
    deviceRouteProtocol: config.deviceRouteProtocol,
    ...(config.deviceRouteSourceAddress === undefined ? {} : { deviceRouteSource: config.deviceRouteSourceAddress }),
    ipForwarding: config.ipForwarding,
    forwardDrops,
  };
  return { local, mtus: found };
}
