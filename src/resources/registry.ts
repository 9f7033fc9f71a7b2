/** The table of kinds, by every name that people call them. */
import type { JsonObject } from "../base/json.ts";
import type { CalicoKind } from "./kind-names.ts";
import { bgpConfiguration } from "./kinds/bgp-configuration.ts";
import { bgpFilter } from "./kinds/bgp-filter.ts";
import { bgpPeer } from "./kinds/bgp-peer.ts";
import { calicoNodeStatus } from "./kinds/calico-node-status.ts";
import { clusterInformation } from "./kinds/cluster-information.ts";
import { felixConfiguration } from "./kinds/felix-configuration.ts";
import { hostEndpoint } from "./kinds/host-endpoint.ts";
import { ipPool } from "./kinds/ip-pool.ts";
import { ipReservation } from "./kinds/ip-reservation.ts";
import { ipamConfiguration } from "./kinds/ipam-configuration.ts";
import type { KindRow } from "./kinds/kind.ts";
import { kubeControllersConfiguration } from "./kinds/kube-controllers-configuration.ts";
import { globalNetworkSet, networkSet } from "./kinds/network-sets.ts";
import { node } from "./kinds/node.ts";
import {
  globalNetworkPolicy,
  networkPolicy,
  stagedGlobalNetworkPolicy,
  stagedNetworkPolicy,
} from "./kinds/policies.ts";
import { profile } from "./kinds/profile.ts";
import { stagedKubernetesNetworkPolicy } from "./kinds/staged-kubernetes-policy.ts";
import { tier } from "./kinds/tier.ts";
import { workloadEndpoint } from "./kinds/workload-endpoint.ts";

export const API_VERSION = "projectcalico.org/v3";

export const kindRows: Readonly<Record<CalicoKind, KindRow>> = {
  BGPConfiguration: bgpConfiguration,
  BGPFilter: bgpFilter,
  BGPPeer: bgpPeer,
  CalicoNodeStatus: calicoNodeStatus,
  ClusterInformation: clusterInformation,
  FelixConfiguration: felixConfiguration,
  GlobalNetworkPolicy: globalNetworkPolicy,
  GlobalNetworkSet: globalNetworkSet,
  HostEndpoint: hostEndpoint,
  IPAMConfiguration: ipamConfiguration,
  IPPool: ipPool,
  IPReservation: ipReservation,
  KubeControllersConfiguration: kubeControllersConfiguration,
  NetworkPolicy: networkPolicy,
  NetworkSet: networkSet,
  Node: node,
  Profile: profile,
  StagedGlobalNetworkPolicy: stagedGlobalNetworkPolicy,
  StagedKubernetesNetworkPolicy: stagedKubernetesNetworkPolicy,
  StagedNetworkPolicy: stagedNetworkPolicy,
  Tier: tier,
  WorkloadEndpoint: workloadEndpoint,
};

/** The row of a kind as objects name it, exactly. */
export function rowOfKind(kind: string): KindRow | undefined {
  return Object.hasOwn(kindRows, kind) ? kindRows[kind as CalicoKind] : undefined;
}

/** The row that a user names: kind, plural or alias, in any case. */
export function rowOfAlias(name: string): KindRow | undefined {
  const lower = name.toLowerCase();
  return Object.values(kindRows).find((row) => row.kind.toLowerCase() === lower || row.aliases.includes(lower));
}

/** A spec with what Calico fills in, as it is stored and read. */
export const withDefaults = (row: KindRow, spec: JsonObject): JsonObject => row.defaults?.(spec) ?? spec;
