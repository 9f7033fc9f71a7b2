/**
 * What every cluster has before anything else: an identity and the built-in tiers (`clientv3.EnsureInitialized`).
 * Idempotent; objects that are there stay as they are.
 */
import type { JsonObject } from "../base/json.ts";
import { builtInTiers } from "../resources/kinds/tier.ts";
import { ResourceError } from "../resources/problems.ts";
import { kindRows } from "../resources/registry.ts";
import { type ClientDeps, ResourceClient } from "./resource-client.ts";

export async function ensureInitialized(deps: ClientDeps): Promise<void> {
  const client = new ResourceClient(deps);
  const [{ objects, unreadable }, information] = await Promise.all([
    deps.store.list({ kind: "Tier" }),
    deps.store.get({ kind: "ClusterInformation", name: "default" }),
  ]);
  const tiers = new Set([...objects, ...unreadable].map(({ key }) => key.name));
  for (const { name, order, defaultAction } of builtInTiers) {
    if (tiers.has(name)) continue;
    await createUnlessThere(client, { kind: "Tier", metadata: { name }, spec: { order, defaultAction } });
  }
  if (information) return;
  await createUnlessThere(client, {
    kind: "ClusterInformation",
    metadata: { name: "default" },
    spec: { clusterGUID: deps.random.uuid().replaceAll("-", ""), datastoreReady: true },
  });
}

async function createUnlessThere(
  client: ResourceClient,
  object: JsonObject & { readonly kind: "Tier" | "ClusterInformation" },
): Promise<void> {
  const { isReadOnly: _, ...row } = kindRows[object.kind];
  try {
    await client.create({ row, object, brokenRules: [] });
  } catch (error) {
    if (!(error instanceof ResourceError) || error.code !== "exists") throw error;
  }
}
