/** What passes do, as metrics: collected while they run, told by batch. */
import type { Fragment } from "../compile/fragment.ts";
import { type ItemKind, order } from "../compile/items.ts";
import type { Metrics } from "../port/metrics.ts";

export class PassMetrics {
  readonly #metrics: Pick<Metrics, "count" | "observe">;
  readonly #items = new Map<ItemKind, number>();
  #fragments = 0;
  #hasFailed = false;

  constructor(metrics: Pick<Metrics, "count" | "observe">) {
    this.#metrics = metrics;
  }

  /** Compile has handed this over. */
  taken(fragment: Fragment): void {
    this.#fragments++;
    for (const kind of order) {
      const items = fragment[kind]?.length ?? 0;
      if (items > 0) this.#items.set(kind, (this.#items.get(kind) ?? 0) + items);
    }
  }

  /** Nothing is left to compile for now. */
  compiled(): void {
    if (this.#fragments > 0) this.#metrics.count("outputEvents", this.#fragments);
    let batch = 0;
    for (const [type, items] of this.#items) {
      this.#metrics.count("dataplaneMessages", items, { type });
      batch += items;
    }
    if (batch > 0) this.#metrics.observe("dataplaneBatch", batch);
    this.#fragments = 0;
    this.#items.clear();
  }

  /** Something could not be applied and will be tried again. */
  readonly failed = (): void => {
    this.#hasFailed = true;
  };

  /** A pass has ended, well or not. */
  ended(): void {
    if (this.#hasFailed) this.#metrics.count("dataplaneFailures", 1);
    this.#hasFailed = false;
  }
}
