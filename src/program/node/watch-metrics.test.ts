import assert from "node:assert/strict";
import { test } from "node:test";
import { PrometheusMetrics } from "../../adapter/metrics.ts";
import { agentHost, cluster, put } from "../../testing/agent-host.ts";
import { blockObject, endpointObject } from "../../testing/objects.ts";
import { watchMetrics } from "./watch-metrics.ts";

/** An agent of worker-1, and what a scrape of it says of a metric: its lines without the metric's name. */
async function scraped() {
  const store = await cluster();
  const { clock, drivers, start } = agentHost(store);
  const metrics = new PrometheusMetrics();
  const agent = start({ metrics });
  const devices = ["lo", "ens5", "vxlan.calico", "cali123"];
  const links = { all: () => devices.map((name) => ({ name })) };
  const isOurs = (name: string) => name === "vxlan.calico" || name.startsWith("cali");
  watchMetrics(metrics, { agent, links, isOurs, node: "worker-1" });
  await clock.advance(1_000);
  const told = async (name: string) => {
    const lines = (await metrics.text()).split("\n");
    return lines.flatMap((line) => (new RegExp(`^${name}[ {_]`).test(line) ? [line.slice(name.length)] : []));
  };
  return { store, clock, drivers, told };
}

test("a scrape tells what the agent knows", async () => {
  const { told } = await scraped();
  const single = {
    felix_host: ['{host="worker-1"} 1'],
    felix_resync_state: [" 3"],
    felix_cluster_num_hosts: [" 2"],
    felix_cluster_num_workload_endpoints: [" 2"],
    felix_active_local_endpoints: [" 1"],
    felix_route_table_num_routes: ['{table="IPv4:254"} 4'],
    felix_route_table_num_ifaces: ['{table="IPv4:254"} 2'],
    felix_int_dataplane_failures: [" 0"],
    felix_nft_chains: ['{ip_version="4",table="calico"} 3'],
    felix_ipsets_calico: ['{ip_version="4"} 2'],
  };
  for (const [name, lines] of Object.entries(single)) assert.deepEqual(await told(name), lines, name);
  assert.ok((await told("felix_int_dataplane_messages")).includes('{type="routes"} 4'));
  for (const name of ["felix_calc_graph_update_time_seconds", "felix_int_dataplane_msg_batch_size"]) {
    assert.ok(Number((await told(name)).at(-1)?.replace("_count ", "")) > 0, name);
  }
  assert.match((await told("felix_route_table_resync_seconds")).at(-1) ?? "", /^_count 1$/);
  assert.match((await told("felix_calc_graph_output_events"))[0] ?? "", /^ [1-9]/);
  assert.match((await told("felix_nft_rules"))[0] ?? "", /^\{ip_version="4",table="calico"\} [1-9]/);
});

test("endpoints of other nodes are counted as they come and go", async () => {
  const { store, clock, told } = await scraped();
  const endpoint = endpointObject("worker-2", "pod-3", "192.168.133.195", "cali789");
  await put(store, endpoint);
  await put(store, endpoint);
  await clock.advance(100);
  assert.deepEqual(await told("felix_cluster_num_workload_endpoints"), [" 3"]);
  await store.write([{ op: "delete", key: endpoint.key }]);
  await clock.advance(100);
  assert.deepEqual(await told("felix_cluster_num_workload_endpoints"), [" 2"]);
});

test("a pass in which something fails counts once", async () => {
  const { store, clock, drivers, told } = await scraped();
  const key = "254 192.168.133.128/26 0";
  drivers.routes.refused.add(key);
  await put(store, blockObject("192.168.133.128/26", "worker-2"));
  await clock.advance(50);
  assert.deepEqual(await told("felix_int_dataplane_failures"), [" 1"]);
  await clock.advance(100);
  assert.deepEqual(await told("felix_int_dataplane_failures"), [" 2"], "tried again after 100 ms");
});
