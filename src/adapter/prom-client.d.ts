/**
 * prom-client's parts by themselves, with its own types: its index loads a push gateway, clusters and OpenTelemetry too, which
 * cost every agent 20 ms and more than a megabyte.
 */
declare module "prom-client/lib/counter.js" {
  export { Counter as default } from "prom-client";
}
declare module "prom-client/lib/gauge.js" {
  export { Gauge as default } from "prom-client";
}
declare module "prom-client/lib/histogram.js" {
  export { Histogram as default } from "prom-client";
}
declare module "prom-client/lib/registry.js" {
  export { Registry as default } from "prom-client";
}
declare module "prom-client/lib/summary.js" {
  export { Summary as default } from "prom-client";
}
