/**
 * Every metric that the agent serves, once. Felix's name where Felix has the metric (dashboards depend on them), ours
 * begin with `ocicat_`; kinds and labels are Felix's too. Durations in seconds; histogram buckets are upper bounds, a
 * summary has quantiles of the last ten minutes.
 */

export interface Metric {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram" | "summary";
  readonly help: string;
  readonly labels?: readonly string[];
  readonly buckets?: readonly number[];
}

/** Around the turn budget of 20 ms. */
const TURN_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1];
/** Up to the budget of a pod's start. */
const CNI_BUCKETS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5];

export const metrics = {
  host: {
    name: "felix_host",
    kind: "gauge",
    help: "1, with the node's name as label",
    labels: ["host"],
  },
  logErrors: {
    name: "felix_log_errors",
    kind: "counter",
    help: "Lines of the log that could not be written",
  },
  resyncState: {
    name: "felix_resync_state",
    kind: "gauge",
    help: "State of the store's contents: 1 waiting for the store, 2 listing, 3 in sync",
  },
  resyncsStarted: {
    name: "felix_resyncs_started",
    kind: "counter",
    help: "How often the store's contents were listed from the start",
  },
  updatesProcessed: {
    name: "felix_calc_graph_updates_processed",
    kind: "counter",
    help: "Changes of objects taken in from the store",
    labels: ["type"],
  },
  updateSeconds: {
    name: "felix_calc_graph_update_time_seconds",
    kind: "summary",
    help: "Time to take in one batch of changes, or one list, from the store",
  },
  outputEvents: {
    name: "felix_calc_graph_output_events",
    kind: "counter",
    help: "Pieces of the node's state that compile has handed to the dataplane",
  },
  clusterHosts: {
    name: "felix_cluster_num_hosts",
    kind: "gauge",
    help: "Nodes in the cluster",
  },
  clusterEndpoints: {
    name: "felix_cluster_num_workload_endpoints",
    kind: "gauge",
    help: "Workload endpoints in the cluster",
  },
  clusterPools: {
    name: "ocicat_cluster_num_ippools",
    kind: "gauge",
    help: "IP pools in the cluster",
  },
  clusterBlocks: {
    name: "ocicat_cluster_num_ipam_blocks",
    kind: "gauge",
    help: "IPAM blocks in the cluster",
  },
  localEndpoints: {
    name: "felix_active_local_endpoints",
    kind: "gauge",
    help: "Workload endpoints on this node",
  },
  applySeconds: {
    name: "felix_int_dataplane_apply_time_seconds",
    kind: "summary",
    help: "Time of one pass that makes the kernel hold what was compiled",
  },
  dataplaneFailures: {
    name: "felix_int_dataplane_failures",
    kind: "counter",
    help: "Passes in which something could not be applied, to be tried again",
  },
  dataplaneMessages: {
    name: "felix_int_dataplane_messages",
    kind: "counter",
    help: "Items that compile has handed to the dataplane, by kind",
    labels: ["type"],
  },
  dataplaneBatch: {
    name: "felix_int_dataplane_msg_batch_size",
    kind: "summary",
    help: "Items that were handed over in one pass",
  },
  initialResyncSeconds: {
    name: "felix_int_dataplane_initial_resync_time_seconds",
    kind: "gauge",
    help: "Time from the agent's start until its first pass was done",
  },
  routes: {
    name: "felix_route_table_num_routes",
    kind: "gauge",
    help: "Routes that the agent holds in the kernel, by table",
    labels: ["table"],
  },
  routeInterfaces: {
    name: "felix_route_table_num_ifaces",
    kind: "gauge",
    help: "Devices of pods and tunnels whose routes the agent watches, by table",
    labels: ["table"],
  },
  routeResyncSeconds: {
    name: "felix_route_table_resync_seconds",
    kind: "summary",
    help: "Time to read all routes from the kernel and compare them",
  },
  ipipJoined: {
    name: "ocicat_ipip_joined_packets",
    kind: "counter",
    help: "IP-in-IP packets that came in fragments of the outer packet and were joined beside the BPF programs",
  },
  ipipNotJoined: {
    name: "ocicat_ipip_dropped_fragmented_packets",
    kind: "counter",
    help: "IP-in-IP packets that came in fragments of the outer packet and were dropped, by the reason",
    labels: ["reason"],
  },
  ipipNarrowPaths: {
    name: "ocicat_ipip_narrow_paths",
    kind: "gauge",
    help: "Nodes that IP-in-IP reaches by a path that carries less than the tunnel's packets, as learned by the BPF programs",
  },
  ipipProcessPackets: {
    name: "ocicat_ipip_process_packets",
    kind: "counter",
    help: "Packets that the process of the IP-in-IP device received, or dropped, by the reason",
    labels: ["outcome"],
  },
  ipsets: {
    name: "felix_ipsets_calico",
    kind: "gauge",
    help: "Sets and maps of the agent's nf_tables tables",
    labels: ["ip_version"],
  },
  nftCalls: {
    name: "felix_nft_calls",
    kind: "counter",
    help: "Transactions of nf_tables that were sent to the kernel",
  },
  nftErrors: {
    name: "felix_nft_errors",
    kind: "counter",
    help: "Transactions of nf_tables that the kernel refused",
  },
  nftListCalls: {
    name: "felix_nft_list_calls",
    kind: "counter",
    help: "Lists of nf_tables objects that were read from the kernel",
  },
  nftListErrors: {
    name: "felix_nft_list_errors",
    kind: "counter",
    help: "Lists of nf_tables objects that could not be read",
  },
  nftChains: {
    name: "felix_nft_chains",
    kind: "gauge",
    help: "Chains of the agent's nf_tables tables",
    labels: ["ip_version", "table"],
  },
  nftRules: {
    name: "felix_nft_rules",
    kind: "gauge",
    help: "Rules of the agent's nf_tables tables",
    labels: ["ip_version", "table"],
  },
  items: {
    name: "ocicat_items",
    kind: "gauge",
    help: "Kernel objects that shall be, by kind",
    labels: ["kind"],
  },
  itemsFailed: {
    name: "ocicat_items_failed",
    kind: "gauge",
    help: "Kernel objects that could not be made so far, by kind",
    labels: ["kind"],
  },
  bgpSessions: {
    name: "ocicat_bgp_sessions",
    kind: "gauge",
    help: "BGP sessions by state (RFC 4271 section 8.2.2)",
    labels: ["state"],
  },
  bgpPrefixes: {
    name: "ocicat_bgp_prefixes",
    kind: "gauge",
    help: "Prefixes of all BGP sessions together: received from the peers, of those stale (RFC 4724), told to the peers",
    labels: ["kind"],
  },
  bgpMessages: {
    name: "ocicat_bgp_messages",
    kind: "counter",
    help: "BGP messages",
    labels: ["direction"],
  },
  bgpUpdates: {
    name: "ocicat_bgp_updates",
    kind: "counter",
    help: "BGP UPDATE messages",
    labels: ["direction"],
  },
  bgpFlaps: {
    name: "ocicat_bgp_flaps",
    kind: "counter",
    help: "How often an established BGP session was lost",
  },
  bgpMalformed: {
    name: "ocicat_bgp_malformed_attributes",
    kind: "counter",
    help: "Malformed attributes in UPDATE messages, whatever became of their routes (RFC 7606)",
  },
  bgpUnsendable: {
    name: "ocicat_bgp_unsendable_routes",
    kind: "counter",
    help: "Routes that no BGP message has room for",
  },
  bgpStrangers: {
    name: "ocicat_bgp_refused_connections",
    kind: "counter",
    help: "Connections to the BGP port from addresses that are no peer's",
  },
  repairs: {
    name: "ocicat_drift_repairs",
    kind: "counter",
    help: "Kernel objects of ours that a foreign hand changed and that were put back, by kind",
    labels: ["kind"],
  },
  inboxDepth: {
    name: "ocicat_inbox_depth",
    kind: "gauge",
    help: "Compile keys that wait to be compiled",
  },
  turnSeconds: {
    name: "ocicat_turn_seconds",
    kind: "histogram",
    help: "CPU time of one turn of the event loop at our dispatch points; the budget is 0.02",
    labels: ["turn"],
    buckets: TURN_BUCKETS,
  },
  storeInterruptions: {
    name: "ocicat_store_interruptions",
    kind: "counter",
    help: "How often the connection to the store was lost",
  },
  cniSeconds: {
    name: "ocicat_cni_request_seconds",
    kind: "histogram",
    help: "Time that the agent took to answer the plugin",
    labels: ["command", "outcome"],
    buckets: CNI_BUCKETS,
  },
} as const satisfies Record<string, Metric>;

/** Figures of the process, read when somebody asks; off with PrometheusProcessMetricsEnabled. */
export const processMetrics = {
  processCpuSeconds: {
    name: "process_cpu_seconds_total",
    kind: "counter",
    help: "CPU time that the agent has used, user and system",
  },
  processResidentBytes: {
    name: "process_resident_memory_bytes",
    kind: "gauge",
    help: "Resident memory",
  },
  processStartSeconds: {
    name: "process_start_time_seconds",
    kind: "gauge",
    help: "When the agent started, in seconds since 1970",
  },
} as const satisfies Record<string, Metric>;

/** Figures of the language's runtime, Go's in Felix, read when somebody asks; off with PrometheusGoMetricsEnabled. */
export const runtimeMetrics = {
  heapUsedBytes: {
    name: "nodejs_heap_size_used_bytes",
    kind: "gauge",
    help: "Memory in use on the JavaScript heap",
  },
  externalBytes: {
    name: "nodejs_external_memory_bytes",
    kind: "gauge",
    help: "Memory of buffers outside the JavaScript heap",
  },
} as const satisfies Record<string, Metric>;

type MetricKey = keyof typeof metrics;
type KindOf<K extends MetricKey> = (typeof metrics)[K]["kind"];

export type CounterKey = { [K in MetricKey]: KindOf<K> extends "counter" ? K : never }[MetricKey];
export type GaugeKey = { [K in MetricKey]: KindOf<K> extends "gauge" ? K : never }[MetricKey];
/** What is observed one by one. */
export type ObservedKey = { [K in MetricKey]: KindOf<K> extends "histogram" | "summary" ? K : never }[MetricKey];

/** The label names of a metric; `never` for one without. */
type LabelOf<K extends MetricKey> = (typeof metrics)[K] extends { readonly labels: readonly (infer L)[] }
  ? L & string
  : never;
export type LabelsOf<K extends MetricKey> = Readonly<Record<LabelOf<K>, string>>;
