/**
 * The kinds of v3 resources with what every part needs of them: their plural in paths and whether they have namespaces.
 * Kept apart from the schemas so that the agent and the store adapters load nothing else.
 * Plurals: keys of Calico's etcd data model (`libcalico-go/lib/backend/model/resource.go`).
 */

export interface KindName {
  /** The segment of the etcd key. */
  readonly plural: string;
  readonly namespaced: boolean;
}

const global = (plural: string): KindName => ({ plural, namespaced: false });
const namespaced = (plural: string): KindName => ({ plural, namespaced: true });

/** `projectcalico.org/v3` resources by kind. */
export const calicoKinds = {
  BGPConfiguration: global("bgpconfigurations"),
  BGPFilter: global("bgpfilters"),
  BGPPeer: global("bgppeers"),
  CalicoNodeStatus: global("caliconodestatuses"),
  ClusterInformation: global("clusterinformations"),
  FelixConfiguration: global("felixconfigurations"),
  GlobalNetworkPolicy: global("globalnetworkpolicies"),
  GlobalNetworkSet: global("globalnetworksets"),
  HostEndpoint: global("hostendpoints"),
  IPAMConfiguration: global("ipamconfigs"),
  IPPool: global("ippools"),
  IPReservation: global("ipreservations"),
  KubeControllersConfiguration: global("kubecontrollersconfigurations"),
  NetworkPolicy: namespaced("networkpolicies"),
  NetworkSet: namespaced("networksets"),
  Node: global("nodes"),
  Profile: global("profiles"),
  StagedGlobalNetworkPolicy: global("stagedglobalnetworkpolicies"),
  StagedKubernetesNetworkPolicy: namespaced("stagedkubernetesnetworkpolicies"),
  StagedNetworkPolicy: namespaced("stagednetworkpolicies"),
  Tier: global("tiers"),
  WorkloadEndpoint: namespaced("workloadendpoints"),
} as const satisfies Record<string, KindName>;

export type CalicoKind = keyof typeof calicoKinds;

/** Kinds of our own, below `/ocicat/v1/`; what only we know never goes into a Calico object. */
export const ownKinds = {
  NodeFacts: global("nodefacts"),
  NodeStatus: global("nodestatuses"),
} as const satisfies Record<string, KindName>;

/** The IPAM records, named as the prologue of `port/store.ts` says. */
export const ipamKinds = ["IPAMBlock", "BlockAffinity", "IPAMHandle", "IPAMConfig"] as const;
