/**
 * Every metric that the agent serves, once. Felix's name where Felix has the metric (dashboards depend on them), ours
 * begin with `ocicat_`. Durations in seconds; histogram buckets are upper bounds.
 */

export interface Metric {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels?: readonly string[];
  readonly buckets?: readonly number[];
}

/** Around the turn budget of 20 ms. */
const TURN_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1];
const APPLY_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** Up to the budget of a pod's start. */
const CNI_BUCKETS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5];

export const metrics = {
  host: {
    name: "felix_host",
    kind: "gauge",
    help: "1, with the node's name as label",
    labels: ["host"],
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
  clusterHosts: {
    name: "felix_cluster_num_hosts",
    kind: "gauge",
    help: "Nodes in the cluster",
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
    kind: "histogram",
    help: "Time of one pass that makes the kernel hold what was compiled",
    buckets: APPLY_BUCKETS,
  },
  initialResyncSeconds: {
    name: "felix_int_dataplane_initial_resync_time_seconds",
    kind: "gauge",
    help: "Time from the agent's start until its first pass was done",
  },
  routes: {
    name: "felix_route_table_num_routes",
    kind: "gauge",
    help: "Routes that the agent holds in the kernel",
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

/** Figures of the process itself, read when somebody asks; off with PrometheusProcessMetricsEnabled. */
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
export type HistogramKey = { [K in MetricKey]: KindOf<K> extends "histogram" ? K : never }[MetricKey];

/** The label names of a metric; `never` for one without. */
type LabelOf<K extends MetricKey> = (typeof metrics)[K] extends { readonly labels: readonly (infer L)[] }
  ? L & string
  : never;
export type LabelsOf<K extends MetricKey> = Readonly<Record<LabelOf<K>, string>>;
