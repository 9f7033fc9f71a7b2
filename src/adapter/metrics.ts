/** Metrics by prom-client: one registry per agent, made from the table, written in Prometheus' text format. */
import type http from "node:http";
import { performance } from "node:perf_hooks";
import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";
import Histogram from "prom-client/lib/histogram.js";
import Registry from "prom-client/lib/registry.js";
import Summary from "prom-client/lib/summary.js";
import { messageOf } from "../base/errors.ts";
import { type Metric, metrics, processMetrics, runtimeMetrics } from "../compile/config/metrics-table.ts";
import type { Metrics } from "../port/metrics.ts";

type Labels = Readonly<Record<string, string>>;

/** As Felix's summaries: quantiles of the last ten minutes. */
const QUANTILES = [0.5, 0.9, 0.99];
const SUMMARY_WINDOW = { maxAgeSeconds: 600, ageBuckets: 5 };

export interface MetricGroups {
  /** Figures of the process. */
  readonly process: boolean;
  /** Figures of the runtime. */
  readonly runtime: boolean;
}

export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #process = new Registry();
  readonly #runtime = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #observers = new Map<string, Histogram | Summary>();
  readonly #collectors: (() => void)[] = [];

  #groups: MetricGroups = { process: true, runtime: true };

  constructor() {
    for (const [key, metric] of Object.entries(metrics)) this.#declare(this.#registry, key, metric);
    for (const [key, metric] of Object.entries(processMetrics)) this.#declare(this.#process, key, metric);
    for (const [key, metric] of Object.entries(runtimeMetrics)) this.#declare(this.#runtime, key, metric);
  }

  /** Which groups beside our own are served from now on. */
  configure(groups: MetricGroups): void {
    this.#groups = groups;
  }

  readonly count: Metrics["count"] = (key, by, ...[labels]) => this.#counters.get(key)?.inc(labelsOf(labels), by);
  readonly set: Metrics["set"] = (key, value, ...[labels]) => this.#gauges.get(key)?.set(labelsOf(labels), value);
  readonly observe: Metrics["observe"] = (key, value, ...[labels]) =>
    this.#observers.get(key)?.observe(labelsOf(labels), value);

  onCollect(collect: () => void): void {
    this.#collectors.push(collect);
  }

  readonly contentType = "text/plain; version=0.0.4; charset=utf-8";

  /** The whole in Prometheus' text format. */
  async text(): Promise<string> {
    for (const collect of this.#collectors) collect();
    const registries = [this.#registry];
    if (this.#groups.process) {
      this.#collectProcess();
      registries.push(this.#process);
    }
    if (this.#groups.runtime) {
      this.#collectRuntime();
      registries.push(this.#runtime);
    }
    return (await Promise.all(registries.map((registry) => registry.metrics()))).join("\n");
  }

  #declare(registry: Registry, key: string, { kind, name, help, labels = [], buckets }: Metric): void {
    const common = { name, help, labelNames: [...labels], registers: [registry] };
    switch (kind) {
      case "counter":
        this.#counters.set(key, new Counter(common));
        break;
      case "gauge":
        this.#gauges.set(key, new Gauge(common));
        break;
      case "summary":
        this.#observers.set(key, new Summary({ ...common, percentiles: QUANTILES, ...SUMMARY_WINDOW }));
        break;
      default:
        this.#observers.set(key, new Histogram({ ...common, buckets: [...(buckets ?? [])] }));
    }
  }

  #collectProcess(): void {
    const { user, system } = process.cpuUsage();
    const cpuSeconds = this.#counters.get("processCpuSeconds");
    cpuSeconds?.reset();
    cpuSeconds?.inc((user + system) / 1e6);
    const values: Record<Exclude<keyof typeof processMetrics, "processCpuSeconds">, number> = {
      processResidentBytes: process.memoryUsage.rss(),
      processStartSeconds: performance.timeOrigin / 1_000,
    };
    this.#setAll(values);
  }

  #collectRuntime(): void {
    const { heapUsed, external } = process.memoryUsage();
    const values: Record<keyof typeof runtimeMetrics, number> = { heapUsedBytes: heapUsed, externalBytes: external };
    this.#setAll(values);
  }

  #setAll(values: Readonly<Record<string, number>>): void {
    for (const [key, value] of Object.entries(values)) this.#gauges.get(key)?.set(value);
  }
}

const labelsOf = (labels: object | undefined): Labels => ({ ...labels }) as Labels;

/** Serves `/metrics`, and says so elsewhere. */
export function metricsHandler(source: Pick<PrometheusMetrics, "text" | "contentType">): http.RequestListener {
  return (request, response) => {
    if (request.url?.split("?")[0] !== "/metrics") {
      response.writeHead(404, { "content-type": "text/plain" }).end("there is /metrics\n");
      return;
    }
    source.text().then(
      (text) => response.writeHead(200, { "content-type": source.contentType }).end(text),
      (failure: unknown) => response.writeHead(500, { "content-type": "text/plain" }).end(`${messageOf(failure)}\n`),
    );
  };
}
