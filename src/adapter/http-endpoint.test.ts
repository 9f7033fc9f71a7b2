import assert from "node:assert/strict";
import net, { type AddressInfo } from "node:net";
import { test } from "node:test";
import type { HealthSummary } from "../port/health.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { healthHandler } from "./health-server.ts";
import { HttpEndpoint } from "./http-endpoint.ts";
import { metricsHandler, PrometheusMetrics } from "./metrics.ts";

function endpoint(handler: ConstructorParameters<typeof HttpEndpoint>[0]["handler"]) {
  const clock = new FakeClock();
  const log = new SilentLog();
  const some = new HttpEndpoint({ name: "test", handler, clock, log });
  const get = async (path: string, method = "GET") => {
    const response = await fetch(`http://127.0.0.1:${some.port}${path}`, { method });
    return { status: response.status, body: await response.text() };
  };
  return { clock, log, endpoint: some, get };
}

const LOCAL = { enabled: true, host: "localhost", port: 0 };

test("probes get 200 with the table, 204 without one, 503 when bad", async (t) => {
  let summary: HealthSummary = { isLive: true, isReady: false, detail: "table" };
  const { endpoint: some, get } = endpoint(healthHandler(() => summary));
  t.after(() => some.close());
  await some.configure(LOCAL);
  assert.deepEqual(await get("/liveness"), { status: 200, body: "table" });
  assert.deepEqual(await get("/readiness?x=1"), { status: 503, body: "table" });
  summary = { isLive: true, isReady: true, detail: "" };
  assert.deepEqual(await get("/readiness"), { status: 204, body: "" });
  assert.equal((await get("/")).status, 404);
  assert.equal((await get("/liveness", "POST")).status, 405);
});

test("metrics are served in Prometheus' format, gauges collected when asked", async (t) => {
  const metrics = new PrometheusMetrics();
  const { endpoint: some, get } = endpoint(metricsHandler(metrics));
  t.after(() => some.close());
  await some.configure(LOCAL);
  metrics.count("repairs", 2, { kind: "routes" });
  metrics.observe("turnSeconds", 0.004, { turn: "compile" });
  metrics.onCollect(() => metrics.set("inboxDepth", 7));
  const { status, body } = await get("/metrics");
  assert.equal(status, 200);
  for (const line of [
    /^ocicat_drift_repairs\{kind="routes"\} 2$/m,
    /^ocicat_turn_seconds_bucket\{le="0\.005",turn="compile"\} 1$/m,
    /^ocicat_inbox_depth 7$/m,
    /^# TYPE process_cpu_seconds_total counter$/m,
    /^process_resident_memory_bytes [1-9]\d+$/m,
  ]) {
    assert.match(body, line);
  }
  assert.equal((await get("/metrics")).body.match(/^process_cpu_seconds_total /gm)?.length, 1);
  assert.equal((await get("/other")).status, 404);
});

test("two agents in one process have metrics of their own", async () => {
  const [a, b] = [new PrometheusMetrics(), new PrometheusMetrics()];
  a.set("clusterHosts", 4);
  assert.match(await a.text(), /^felix_cluster_num_hosts 4$/m);
  assert.match(await b.text(), /^felix_cluster_num_hosts 0$/m);
});

test("an endpoint is switched on, off and elsewhere", async (t) => {
  const { endpoint: some, get } = endpoint((_, response) => response.end("here"));
  t.after(() => some.close());
  assert.equal(some.port, undefined);
  await some.configure(LOCAL);
  const first = some.port;
  assert.equal((await get("/")).body, "here");
  await some.configure(LOCAL);
  assert.equal(some.port, first);
  await some.configure({ ...LOCAL, host: "" });
  assert.equal((await get("/")).body, "here");
  await some.close();
  assert.equal(some.port, undefined);
});

test("a taken port is reported and tried again until it is free", async (t) => {
  const holder = net.createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const { port } = holder.address() as AddressInfo;
  const { endpoint: some, clock, log } = endpoint((_, response) => response.end());
  t.after(() => some.close());
  await some.configure({ enabled: true, host: "localhost", port });
  assert.equal(some.port, undefined);
  assert.match(String(log.lines.find(({ level }) => level === "warn")?.fields["why"]), /EADDRINUSE/);
  await new Promise((resolve) => holder.close(resolve));
  const deadline = Date.now() + 5_000;
  while (some.port === undefined && Date.now() < deadline) await clock.advance(1_000);
  assert.equal(some.port, port);
});

test("figures of the process and of the runtime are served as the settings say, at once", async () => {
  const metrics = new PrometheusMetrics();
  const groups = async () => {
    const text = await metrics.text();
    return ["felix", "process", "nodejs"].filter((group) => text.includes(`\n# TYPE ${group}_`));
  };
  assert.deepEqual(await groups(), ["felix", "process", "nodejs"]);
  metrics.configure({ process: false, runtime: true });
  assert.deepEqual(await groups(), ["felix", "nodejs"]);
  metrics.configure({ process: true, runtime: false });
  assert.deepEqual(await groups(), ["felix", "process"]);
  metrics.configure({ process: true, runtime: true });
  assert.deepEqual(await groups(), ["felix", "process", "nodejs"]);
});

test("a summary has Felix's quantiles, sum and count", async () => {
  const metrics = new PrometheusMetrics();
  metrics.observe("applySeconds", 0.25);
  const lines = (await metrics.text()).split("\n").filter((line) => line.startsWith("felix_int_dataplane_apply_time"));
  assert.deepEqual(
    lines.map((line) => line.replace("felix_int_dataplane_apply_time_seconds", "")),
    ['{quantile="0.5"} 0.25', '{quantile="0.9"} 0.25', '{quantile="0.99"} 0.25', "_sum 0.25", "_count 1"],
  );
});
