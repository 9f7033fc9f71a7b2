/** What can go wrong on purpose in the memory kernel. Each fault is used up as it strikes; `clear` ends what is left. */
export class Faults {
  readonly #refusals: { readonly errno: number; left: number; readonly types: readonly number[] }[] = [];
  #interrupted = 0;
  #cut = 0;
  #lostAnswers = 0;
  #lostNotifications = 0;
  #isSparing = false;

  /** Runs requests that are to be answered truly; notifications of what they change may be lost all the same. */
  sparing<T>(work: () => T): T {
    const was = this.#isSparing;
    this.#isSparing = true;
    try {
      return work();
    } finally {
      this.#isSparing = was;
    }
  }

  /** Refuses the next requests of these message types (of any, when none is named) with an errno. */
  refuse(errno: number, times = 1, types: readonly number[] = []): void {
    this.#refusals.push({ errno, left: times, types });
  }

  /** The next dumps carry NLM_F_DUMP_INTR: what they list may be inconsistent, and leaves out a part. */
  interruptDumps(times = 1): void {
    this.#interrupted += times;
  }

  /** The next answers end in the middle of a message. */
  cutAnswers(times = 1): void {
    this.#cut += times;
  }

  /** The next answers do not arrive, which the socket reports as ENOBUFS. */
  loseAnswers(times = 1): void {
    this.#lostAnswers += times;
  }

  /** The next notifications do not arrive, which their sockets report as ENOBUFS. */
  loseNotifications(times = 1): void {
    this.#lostNotifications += times;
  }

  clear(): void {
    this.#refusals.length = 0;
    this.#interrupted = 0;
    this.#cut = 0;
    this.#lostAnswers = 0;
    this.#lostNotifications = 0;
  }

  /** The errno to answer a request of this type with; 0 for none. */
  takeRefusal(type: number): number {
    if (this.#isSparing) return 0;
    const found = this.#refusals.find(({ left, types }) => left > 0 && (types.length === 0 || types.includes(type)));
    if (!found) return 0;
    found.left--;
    return found.errno;
  }

  takeInterruption(): boolean {
    return !this.#isSparing && this.#interrupted > 0 && this.#interrupted-- > 0;
  }

  takeCut(): boolean {
    return !this.#isSparing && this.#cut > 0 && this.#cut-- > 0;
  }

  takeLostAnswer(): boolean {
    return !this.#isSparing && this.#lostAnswers > 0 && this.#lostAnswers-- > 0;
  }

  takeLostNotification(): boolean {
    return this.#lostNotifications > 0 && this.#lostNotifications-- > 0;
  }
}
