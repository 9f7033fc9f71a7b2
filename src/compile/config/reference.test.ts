import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { type Metric, metrics, processMetrics, runtimeMetrics } from "./metrics-table.ts";
import { referencePages } from "./reference.ts";

const root = path.resolve(import.meta.dirname, "../../..");

for (const [page, write] of Object.entries(referencePages)) {
  test(`${page} is what the tables say`, () => {
    assert.equal(fs.readFileSync(path.join(root, page), "utf8"), write(), "stale: run node tools/reference.ts");
  });
}

/** Felix's, with its kinds and labels: dashboards and alerts are written for them. */
const FELIX = [
  "felix_active_local_endpoints gauge",
  "felix_calc_graph_output_events counter",
  "felix_calc_graph_update_time_seconds summary",
  "felix_calc_graph_updates_processed counter type",
  "felix_cluster_num_hosts gauge",
  "felix_cluster_num_workload_endpoints gauge",
  "felix_host gauge host",
  "felix_int_dataplane_apply_time_seconds summary",
  "felix_int_dataplane_failures counter",
  "felix_int_dataplane_initial_resync_time_seconds gauge",
  "felix_int_dataplane_messages counter type",
  "felix_int_dataplane_msg_batch_size summary",
  "felix_ipsets_calico gauge ip_version",
  "felix_log_errors counter",
  "felix_nft_calls counter",
  "felix_nft_chains gauge ip_version table",
  "felix_nft_errors counter",
  "felix_nft_list_calls counter",
  "felix_nft_list_errors counter",
  "felix_nft_rules gauge ip_version table",
  "felix_resync_state gauge",
  "felix_resyncs_started counter",
  "felix_route_table_num_ifaces gauge table",
  "felix_route_table_num_routes gauge table",
  "felix_route_table_resync_seconds summary",
];
const OURS = [
  "ocicat_bgp_flaps counter",
  "ocicat_bgp_malformed_attributes counter",
  "ocicat_bgp_messages counter direction",
  "ocicat_bgp_prefixes gauge kind",
  "ocicat_bgp_refused_connections counter",
  "ocicat_bgp_sessions gauge state",
  "ocicat_bgp_unsendable_routes counter",
  "ocicat_bgp_updates counter direction",
  "ocicat_cluster_num_ipam_blocks gauge",
  "ocicat_cluster_num_ippools gauge",
  "ocicat_cni_request_seconds histogram command outcome",
  "ocicat_drift_repairs counter kind",
  "ocicat_inbox_depth gauge",
  "ocicat_ipip_dropped_fragmented_packets counter reason",
  "ocicat_ipip_joined_packets counter",
  "ocicat_ipip_narrow_paths gauge",
  "ocicat_ipip_process_packets counter outcome",
  "ocicat_items gauge kind",
  "ocicat_items_failed gauge kind",
  "ocicat_store_interruptions counter",
  "ocicat_turn_seconds histogram turn",
];

test("the metrics are these, with these kinds and labels", () => {
  const all: readonly Metric[] = Object.values(metrics);
  const told = all.map(({ name, kind, labels = [] }) => [name, kind, ...labels].join(" "));
  assert.deepEqual(told.sort(), [...FELIX, ...OURS]);
  assert.deepEqual(
    Object.values(processMetrics).map(({ name }) => name),
    ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"],
  );
  assert.deepEqual(
    Object.values(runtimeMetrics).map(({ name }) => name),
    ["nodejs_heap_size_used_bytes", "nodejs_external_memory_bytes"],
  );
});

test("metrics have names of Prometheus' form, each once, and help", () => {
  const all = [...Object.values(metrics), ...Object.values(processMetrics), ...Object.values(runtimeMetrics)];
  assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
  for (const { name, help } of all) {
    assert.match(name, /^(felix|ocicat|process|nodejs)_[a-z_]+$/);
    assert.match(help, /^[A-Z0-9].*[^.]$/);
  }
});
