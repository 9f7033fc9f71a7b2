/**
 * A scope owns what was opened in it. Closing it runs every disposer once, newest first, and aborts `signal`
 * before the first of them, so that work in flight can stop. A disposer that throws does not keep the others from running.
 */
export class Scope {
  readonly #controller = new AbortController();
  readonly #disposers: (() => void | Promise<void>)[] = [];
  #closing: Promise<void> | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Registers what must happen at the end. In a scope that is closed already it happens at once. */
  defer(dispose: () => void | Promise<void>): void {
    if (this.#closing) void dispose();
    else this.#disposers.push(dispose);
  }

  /** Closes everything; all calls share one closing. Rejects with an AggregateError when disposers failed. */
  close(): Promise<void> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  async #run(): Promise<void> {
    this.#controller.abort();
    const failures: unknown[] = [];
    for (let dispose = this.#disposers.pop(); dispose; dispose = this.#disposers.pop()) {
      try {
        await dispose();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "closing failed in part");
  }
}
