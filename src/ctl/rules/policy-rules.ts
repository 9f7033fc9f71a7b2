/** Tiers and the policies in them; filters and the peers that name them; the profile that is not stored. */
import type { JsonObject } from "../../base/json.ts";
import { allReadable, type Stored } from "../../port/store.ts";
import { at, listAt, textAt } from "../../resources/kinds/kind.ts";
import { builtInTiers } from "../../resources/kinds/tier.ts";
import { describeKey, notFound, notSupported, ResourceError } from "../../resources/problems.ts";
import { API_VERSION } from "../../resources/registry.ts";
import type { KindRule, RuleContext } from "./rule.ts";

const policyKinds = [
  "NetworkPolicy",
  "GlobalNetworkPolicy",
  "StagedNetworkPolicy",
  "StagedGlobalNetworkPolicy",
] as const;

async function tierMustExist({ store }: RuleContext, policy: JsonObject): Promise<void> {
  const name = textAt(policy, "spec", "tier") || "default";
  if (builtInTiers.some((tier) => tier.name === name)) return;
  const key = { kind: "Tier", name };
  if (!(await store.get(key))) throw notFound(key);
}

async function beforeDeleteTier({ store }: RuleContext, tier: Stored): Promise<undefined> {
  const { name } = tier.key;
  if (builtInTiers.some((builtIn) => builtIn.name === name)) {
    throw notSupported("delete", describeKey(tier.key), `Cannot delete ${name} tier`);
  }
  for (const kind of policyKinds) {
    const objects = allReadable(await store.list({ kind }));
    const inside = objects.find(({ value }) => (textAt(value, "spec", "tier") || "default") === name);
    if (!inside) continue;
    const object = describeKey(tier.key);
    throw new ResourceError(
      "unsupported",
      `operation delete is not supported on ${object}: Cannot delete a non-empty tier`,
      { object, problems: [], remedy: `delete or move its policies first: ${describeKey(inside.key)}` },
    );
  }
  return undefined;
}

/** By order, those without last; equal orders by name, as they come. */
function sortedTiers(tiers: readonly JsonObject[]): readonly JsonObject[] {
  const orderOf = (tier: JsonObject): number => {
    const order = at(tier, "spec", "order");
    return typeof order === "number" ? order : Number.POSITIVE_INFINITY;
  };
  return [...tiers].sort((a, b) => (orderOf(a) === orderOf(b) ? 0 : orderOf(a) - orderOf(b)));
}

async function filtersMustExist({ store }: RuleContext, peer: JsonObject): Promise<void> {
  for (const name of listAt(peer, "spec", "filters")) {
    const key = { kind: "BGPFilter", name: String(name) };
    if (!(await store.get(key))) throw notFound(key);
  }
}

/** Allows what it is asked for: for host endpoints without policies. Source: `libcalico-go/lib/resources`. */
const defaultAllowProfile: JsonObject = {
  kind: "Profile",
  apiVersion: API_VERSION,
  metadata: { name: "projectcalico-default-allow", resourceVersion: "0", creationTimestamp: null },
  spec: { ingress: [{ action: "Allow" }], egress: [{ action: "Allow" }] },
};

export const policyRule: KindRule = { beforeCreate: tierMustExist, beforeUpdate: tierMustExist };
export const tierRule: KindRule = { beforeDelete: beforeDeleteTier, sorted: sortedTiers };
export const bgpPeerRule: KindRule = { beforeCreate: filtersMustExist, beforeUpdate: filtersMustExist };
export const profileRule: KindRule = { builtIn: defaultAllowProfile };
