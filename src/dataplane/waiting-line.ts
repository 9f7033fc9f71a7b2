/** Callers that wait for work, released from the front. */
export class WaitingLine {
  readonly #line: { readonly resolve: () => void; readonly reject: (why: Error) => void }[] = [];

  get length(): number {
    return this.#line.length;
  }

  join(): Promise<void> {
    return new Promise((resolve, reject) => void this.#line.push({ resolve, reject }));
  }

  /** The first `count` have what they waited for. */
  release(count: number): void {
    for (const { resolve } of this.#line.splice(0, count)) resolve();
  }

  /** Nobody will have it. */
  refuse(why: Error): void {
    for (const { reject } of this.#line.splice(0)) reject(why);
  }
}
