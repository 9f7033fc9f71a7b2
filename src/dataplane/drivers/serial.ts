/** Runs one piece of work after the other: a driver must not be read by one (verify, say) while another changes it. */
export class Serial {
  #tail: Promise<unknown> = Promise.resolve();

  /** Runs the work when all before it has ended, however it ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#tail.then(work);
    this.#tail = running.catch(() => undefined);
    return running;
  }
}
