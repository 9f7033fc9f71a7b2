/** A watch sink that keeps what it is told, and waits for it. */
import type { Cursor, StoreError, WatchEvent, WatchSink } from "../port/store.ts";

const DEADLINE_MS = 20_000;

export class RecordingSink implements WatchSink {
  readonly batches: (readonly WatchEvent[])[] = [];
  readonly interruptions: StoreError[] = [];
  readonly expiries: string[] = [];
  resumptions = 0;
  /** After the last event; undefined before the first. */
  cursor: Cursor | undefined;
  #wake: (() => void) | undefined;

  /** Every event told so far. */
  get seen(): WatchEvent[] {
    return this.batches.flat();
  }

  /** The names of the objects that the events are about. */
  names(): string[] {
    return this.seen.map((event) => (event.type === "changed" ? event.object.key : event.key).name);
  }

  events(events: readonly WatchEvent[], cursor: Cursor): void {
    this.batches.push(events);
    this.cursor = cursor;
    this.#wake?.();
  }

  expired(reason: "compacted" | "rolledBack" | "unknown"): void {
    this.expiries.push(reason);
    this.#wake?.();
  }

  interrupted(error: StoreError): void {
    this.interruptions.push(error);
    this.#wake?.();
  }

  resumed(): void {
    this.resumptions++;
    this.#wake?.();
  }

  /** Resolves once the condition holds; rejects with what was told when it does not in time. One caller at a time. */
  async until(holds: () => boolean): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const late = new Promise<never>((_, reject) => {
      signal.onabort = () => reject(new Error(`not told in ${DEADLINE_MS} ms; told: ${this.#told()}`));
    });
    while (!holds()) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([woken, late]);
    }
    signal.onabort = null;
  }

  #told(): string {
    const { expiries, interruptions, resumptions } = this;
    return JSON.stringify({ names: this.names(), expiries, interruptions: interruptions.map(String), resumptions });
  }
}
