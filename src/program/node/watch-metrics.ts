/** Gauges that are read off the agent when somebody scrapes. */
import type { Agent } from "../../dataplane/agent.ts";
import type { Metrics } from "../../port/metrics.ts";

/** felix_resync_state: 1 waiting, 2 listing, 3 in sync. */
const RESYNC_STATE = { away: 1, refused: 1, listing: 2, inSync: 3 } as const;

export function watchMetrics(metrics: Metrics, agent: Agent, node: string): void {
  metrics.onCollect(() => {
    const { view, dataplane, store } = agent;
    metrics.set("host", 1, { host: node });
    metrics.set("resyncState", RESYNC_STATE[store.state]);
    metrics.set("clusterHosts", view.nodes.size);
    metrics.set("clusterPools", view.pools.size);
    metrics.set("clusterBlocks", view.blocks.size);
    metrics.set("localEndpoints", view.endpoints.size);
    metrics.set("inboxDepth", agent.waiting);
    for (const { driver: kind, desired, actual, failed } of dataplane.status()) {
      metrics.set("items", desired, { kind });
      metrics.set("itemsFailed", failed.length, { kind });
      if (kind === "routes") metrics.set("routes", actual);
    }
  });
}
