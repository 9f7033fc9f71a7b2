/** Metrics by prom-client: one registry per agent, made from the table, written in Prometheus' text format. */
import type http from "node:http";
import { performance } from "node:perf_hooks";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { messageOf } from "../base/errors.ts";
import { type Metric, metrics, processMetrics } from "../compile/config/metrics-table.ts";
import type { Metrics } from "../port/metrics.ts";

type Labels = Readonly<Record<string, string>>;

export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #collectors: (() => void)[] = [];

  /** `withProcess`: the process's own figures among them. */
  constructor({ withProcess }: { readonly withProcess: boolean }) {
    for (const [key, metric] of Object.entries(metrics)) this.#declare(key, metric);
    if (!withProcess) return;
    for (const [key, metric] of Object.entries(processMetrics)) this.#declare(key, metric);
    this.onCollect(() => this.#collectProcess());
  }

  readonly count: Metrics["count"] = (key, by, ...[labels]) => this.#counters.get(key)?.inc(labelsOf(labels), by);
  readonly set: Metrics["set"] = (key, value, ...[labels]) => this.#gauges.get(key)?.set(labelsOf(labels), value);
  readonly observe: Metrics["observe"] = (key, value, ...[labels]) =>
    this.#histograms.get(key)?.observe(labelsOf(labels), value);

  onCollect(collect: () => void): void {
    this.#collectors.push(collect);
  }

  readonly contentType = "text/plain; version=0.0.4; charset=utf-8";

  /** The whole in Prometheus' text format. */
  async text(): Promise<string> {
    for (const collect of this.#collectors) collect();
    return this.#registry.metrics();
  }

  #declare(key: string, { kind, name, help, labels = [], buckets }: Metric): void {
    const common = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (kind === "counter") this.#counters.set(key, new Counter(common));
    else if (kind === "gauge") this.#gauges.set(key, new Gauge(common));
    else this.#histograms.set(key, new Histogram({ ...common, buckets: [...(buckets ?? [])] }));
  }

  #collectProcess(): void {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, external } = process.memoryUsage();
    const cpuSeconds = this.#counters.get("processCpuSeconds");
    cpuSeconds?.reset();
    cpuSeconds?.inc((user + system) / 1e6);
    const values: Record<Exclude<keyof typeof processMetrics, "processCpuSeconds">, number> = {
      processResidentBytes: rss,
      processStartSeconds: performance.timeOrigin / 1_000,
      heapUsedBytes: heapUsed,
      externalBytes: external,
    };
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
