/** Where measurements go. What there is to measure stands in one table (`compile/config/metrics-table.ts`). */
import type { CounterKey, GaugeKey, LabelsOf, ObservedKey } from "../compile/config/metrics-table.ts";

/** `[labels]` for a metric with labels, nothing for one without. */
type LabelArgs<K extends CounterKey | GaugeKey | ObservedKey> = keyof LabelsOf<K> extends never
  ? []
  : [labels: LabelsOf<K>];

export interface Metrics {
  /** Adds to a counter; `by` is 0 or more. */
  count<K extends CounterKey>(key: K, by: number, ...labels: LabelArgs<K>): void;
  set<K extends GaugeKey>(key: K, value: number, ...labels: LabelArgs<K>): void;
  /** Seconds, or whatever unit the metric's name ends in. */
  observe<K extends ObservedKey>(key: K, value: number, ...labels: LabelArgs<K>): void;
  /** Calls `collect` before each reading, to set gauges that cost something to know. */
  onCollect(collect: () => void): void;
}
