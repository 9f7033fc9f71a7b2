/**
 * Follows kinds of objects in a store: lists each once, then watches from the oldest of those lists, and lists again
 * when the watch cannot go on. What it hands over proves what it says: a list counts as complete only when it
 * continues what was known (DESIGN 2, "Absence proves nothing").
 */
import type { Clock, Timer } from "../port/clock.ts";
import {
  type Continuity,
  type Cursor,
  type Listing,
  type Store,
  StoreError,
  type Watch,
  type WatchEvent,
} from "../port/store.ts";

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 10_000;

export interface FollowerSink {
  /** A whole list of a kind: objects that it lacks are gone. */
  listed(kind: string, listing: Listing): void;
  /** Changes after the lists, in the store's order. */
  events(events: readonly WatchEvent[], cursor: Cursor): void;
  /** Every kind is listed and the watch runs. */
  synced(cursor: Cursor): void;
  /** Nothing can be read for now; what was last known stays. */
  lost(error: StoreError): void;
  /** Reading works again without a gap. */
  recovered(): void;
  /** The store is not the one that was known, or went back: its lists prove nothing and are not handed over. Following has ended. */
  refused(continuity: Exclude<Continuity, "continues">): void;
}

export class StoreFollower {
  readonly #store: Store;
  readonly #kinds: readonly string[];
  readonly #clock: Clock;
  readonly #sink: FollowerSink;
  #known: Cursor | undefined;
  #watch: Watch | undefined;
  #retry: Timer | undefined;
  #retryMs = FIRST_RETRY_MS;
  #isLost = false;
  #closed = false;

  /** `known`: where this node's last run stood, from its disk. */
  constructor(
    deps: { readonly store: Store; readonly clock: Clock; readonly kinds: readonly string[]; readonly known?: Cursor },
    sink: FollowerSink,
  ) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#kinds = deps.kinds;
    this.#known = deps.known;
    this.#sink = sink;
  }

  start(): void {
    void this.#list();
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#watch?.close();
  }

  async #list(): Promise<void> {
    const lists: [kind: string, listing: Listing][] = [];
    try {
      for (const kind of this.#kinds) {
        lists.push([kind, await this.#store.list({ kind })]);
        if (this.#closed) return;
      }
    } catch (failure) {
      if (!(failure instanceof StoreError)) throw failure;
      if (!this.#closed) this.#listAgain(failure);
      return;
    }
    const oldest = lists.map(([, { cursor }]) => cursor).reduce((a, b) => this.#store.older(a, b));
    const continuity = this.#known === undefined ? "continues" : this.#store.continuity(this.#known, oldest);
    if (continuity !== "continues") {
      this.#sink.refused(continuity);
      return;
    }
    this.#retryMs = FIRST_RETRY_MS;
    this.#found();
    for (const [kind, listing] of lists) this.#sink.listed(kind, listing);
    this.#known = oldest;
    this.#follow(oldest);
    this.#sink.synced(oldest);
  }

  #listAgain(error: StoreError): void {
    this.#lose(error);
    this.#retry = this.#clock.after(this.#retryMs, () => void this.#list());
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  #follow(from: Cursor): void {
    this.#watch = this.#store.watch(this.#kinds, from, {
      events: (events, cursor) => {
        this.#known = cursor;
        this.#sink.events(events, cursor);
      },
      expired: () => {
        this.#watch = undefined;
        if (!this.#closed) void this.#list();
      },
      interrupted: (error) => this.#lose(error),
      resumed: () => this.#found(),
    });
  }

  #lose(error: StoreError): void {
    this.#isLost = true;
    this.#sink.lost(error);
  }

  #found(): void {
    if (!this.#isLost) return;
    this.#isLost = false;
    this.#sink.recovered();
  }
}
