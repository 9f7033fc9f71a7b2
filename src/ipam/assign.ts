/**
 * AutoAssign: addresses for one or many requests of the same kind. First from blocks that the owner has, in order,
 * then from new ones up to the limit, then (affinity not strict) borrowed from others' blocks. At the limit nothing is
 * borrowed: Calico's rule, and what a cluster's operator expects of a limit.
 */
import { formatPrefix } from "../ip/prefix.ts";
import type { Affinity } from "./affinities.ts";
import { AssignRun } from "./assign-run.ts";
import { unlessDamage } from "./errors.ts";
import { type PoolQuery, poolOfBlock, qualifiedPools, selects } from "./pools.ts";
import { blockKey, hostOwner } from "./records.ts";
import {
  type AssignDeps,
  type Assigned,
  type AssignmentReads,
  laneKey,
  type Selection,
  type Want,
} from "./requests.ts";
import { type IpamView, readNodeLabels, readView } from "./view.ts";

/** Serves the wants in order. Throws IpamError where no pool can serve them at all, and StoreError. */
export async function assign(
  deps: AssignDeps,
  selection: Selection,
  wants: readonly Want[],
): Promise<readonly Assigned[]> {
  const { owner, family } = selection;
  const key = laneKey(selection);
  const ahead = deps.readAhead.get(key);
  deps.readAhead.delete(key);
  const { view, labels, affinities, block } = await (ahead ?? readForAssignment(deps, { owner, family }));
  const query: PoolQuery = { ...selection, node: { name: owner.name, labels } };
  const pools = qualifiedPools(view.pools, query, deps.matches);
  const run = new AssignRun(deps, selection, view, pools, wants);
  const isMine = ({ cidr }: Affinity): boolean => {
    const pool = poolOfBlock(view.pools, cidr);
    return pool !== undefined && pools.includes(pool);
  };
  const mine = affinities.filter(isMine);
  const strays = affinities.filter((affinity) => !isMine(affinity));
  await run.serve(mine, block);
  await releaseStrays(deps, view, query, strays);
  return run.results();
}

/** All that an assignment reads before it writes, in one round trip. Throws StoreError. */
export async function readForAssignment(
  deps: AssignDeps,
  { owner, family }: Pick<Selection, "owner" | "family">,
): Promise<AssignmentReads> {
  const last = deps.lastBlocks.get(laneKey({ owner, family }));
  const [view, labels, affinities, block] = await Promise.all([
    readView(deps.store),
    owner.type === "host" ? readNodeLabels(deps.store, owner.name) : undefined,
    deps.affinities.list(owner, family),
    last && deps.store.get(blockKey(last)).catch(unlessDamage),
  ]);
  return { view, labels, affinities, block };
}

/** Empty blocks in pools that no longer select the owner go back; those whose pool is gone are left to the collector. */
async function releaseStrays(
  deps: AssignDeps,
  view: IpamView,
  query: PoolQuery,
  strays: readonly Affinity[],
): Promise<void> {
  const owner = hostOwner(query.node.name);
  for (const { cidr } of strays) {
    const pool = poolOfBlock(view.pools, cidr);
    if (!pool || query.node.labels === undefined || selects(pool, query, deps.matches)) continue;
    const outcome = await deps.affinities.release(owner, cidr, { requireEmpty: true });
    if (outcome === "released") {
      deps.log.info("a block was given back: its pool no longer selects this node", {
        block: formatPrefix(cidr),
        pool: pool.name,
      });
    }
  }
}
