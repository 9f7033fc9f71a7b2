/** Which kinds demand something of other objects. */
import type { CalicoKind } from "../../resources/kind-names.ts";
import { ipPoolRule } from "./ip-pool-rule.ts";
import { ipamConfigurationRule } from "./ipam-configuration-rule.ts";
import { nodeRule } from "./node-rule.ts";
import { bgpPeerRule, policyRule, profileRule, tierRule } from "./policy-rules.ts";
import type { KindRule } from "./rule.ts";

const rules: Partial<Record<CalicoKind, KindRule>> = {
  BGPPeer: bgpPeerRule,
  GlobalNetworkPolicy: policyRule,
  IPAMConfiguration: ipamConfigurationRule,
  IPPool: ipPoolRule,
  NetworkPolicy: policyRule,
  Node: nodeRule,
  Profile: profileRule,
  StagedGlobalNetworkPolicy: policyRule,
  StagedNetworkPolicy: policyRule,
  Tier: tierRule,
};

export const ruleOf = (kind: CalicoKind): KindRule => rules[kind] ?? {};
