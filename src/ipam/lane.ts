/**
 * One thing at a time, like things together: jobs that wait under the same key are run as one batch. Of a hundred
 * requests that arrive at once the first runs alone and the rest share a few writes, and a process never competes with
 * itself for a block.
 */
interface Job {
  readonly key: string;
  readonly item: unknown;
  readonly run: (items: readonly unknown[]) => Promise<readonly unknown[]>;
  settle(outcome: unknown): void;
  fail(error: unknown): void;
}

export class Lane {
  #waiting: Job[] = [];
  #isRunning = false;

  /** `run` gets this item and all that wait under the key, and answers for each in order; what it throws, all get. */
  submit<I, R>(key: string, item: I, run: (items: readonly I[]) => Promise<readonly R[]>): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        key,
        item,
        run: run as (items: readonly unknown[]) => Promise<readonly unknown[]>,
        settle: resolve as (outcome: unknown) => void,
        fail: reject,
      });
      if (!this.#isRunning) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const { key, run } = next;
      const batch = this.#waiting.filter((job) => job.key === key);
      this.#waiting = this.#waiting.filter((job) => job.key !== key);
      try {
        const outcomes = await run(batch.map((job) => job.item));
        for (const [index, job] of batch.entries()) job.settle(outcomes[index]);
      } catch (error) {
        for (const job of batch) job.fail(error);
      }
    }
    this.#isRunning = false;
  }
}
