/** Gauges that are read off the agent when somebody scrapes. */
import type { Agent } from "../../dataplane/agent.ts";
import type { NftTable } from "../../netlink/nftables/tree.ts";
import type { Metrics } from "../../port/metrics.ts";

/** felix_resync_state: 1 waiting, 2 listing, 3 in sync. */
const RESYNC_STATE = { away: 1, refused: 1, listing: 2, inSync: 3 } as const;
/** As Felix names the main table (linux/rtnetlink.h RT_TABLE_MAIN). */
const MAIN_TABLE = { table: "IPv4:254" };

export interface Watched {
  readonly agent: Agent;
  readonly links: { all(): Iterable<{ readonly name: string }> };
  /** Devices of pods and tunnels. */
  readonly isOurs: (device: string) => boolean;
  readonly node: string;
}

export function watchMetrics(metrics: Metrics, { agent, links, isOurs, node }: Watched): void {
  metrics.onCollect(() => {
    const { view, dataplane, store } = agent;
    metrics.set("host", 1, { host: node });
    metrics.set("resyncState", RESYNC_STATE[store.state]);
    metrics.set("clusterHosts", view.nodes.size);
    metrics.set("clusterEndpoints", agent.clusterEndpoints);
    metrics.set("clusterPools", view.pools.size);
    metrics.set("clusterBlocks", view.blocks.size);
    metrics.set("localEndpoints", view.endpoints.size);
    metrics.set("inboxDepth", agent.waiting);
    for (const { driver: kind, desired, actual, failed } of dataplane.status()) {
      metrics.set("items", desired, { kind });
      metrics.set("itemsFailed", failed.length, { kind });
      if (kind === "routes") metrics.set("routes", actual, MAIN_TABLE);
    }
    metrics.set("routeInterfaces", [...links.all()].filter(({ name }) => isOurs(name)).length, MAIN_TABLE);
    for (const { value } of dataplane.desired("tables")) setTable(metrics, value);
  });
}

function setTable(metrics: Metrics, { family, name: table, chains, sets = [], maps = [] }: NftTable): void {
  const version = { ip_version: family === "ip6" ? "6" : "4" };
  metrics.set("nftChains", chains.length, { ...version, table });
  metrics.set("nftRules", sum(chains.map(({ rules }) => rules.length)), { ...version, table });
  metrics.set("ipsets", sets.length + maps.length, version);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
