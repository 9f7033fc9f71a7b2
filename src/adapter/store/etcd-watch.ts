/**
 * A watch of several kinds on one etcd stream: one etcd watch for each key prefix. Goes on by itself after a loss, each
 * prefix from where it stood, and asks before it does whether the store is still the one it knew: a member that lags
 * behind is no store rolled back, so the question is a linearizable read.
 *
 * etcd keeps the order and the unity of changes within a watch. Across prefixes what comes together is put in order.
 */
import type { Clock, Millis, Timer } from "../../port/clock.ts";
import { isUnreadable, StoreError, type Watch, type WatchEvent, type WatchSink } from "../../port/store.ts";
import { EVENT_DELETE, type Event, event as eventMessage, prefixEnd, type ResponseHeader } from "../../wire/etcd/kv.ts";
import { kvMethods, watchMethod } from "../../wire/etcd/services.ts";
import { WATCH_EVENTS_FIELD, watchCreateRequest, watchResponseHead } from "../../wire/etcd/watch.ts";
import { grpcFrame } from "../../wire/grpc-frames.ts";
import { octetTextOf } from "../../wire/octet-text.ts";
import { bytes, decode, message, repeated, type ValueOf } from "../../wire/protobuf.ts";
import { CallRefused, type EtcdConnection, translate } from "./etcd-connection.ts";
import { clusterText, type EtcdCursor } from "./etcd-cursor.ts";
import { EtcdProgress } from "./etcd-progress.ts";
import { decodeObject, type EtcdKeys, objectKeyOf } from "./etcd-values.ts";
import type { GrpcStream } from "./grpc-stream.ts";
import { Slices } from "./slices.ts";

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;
/** Events that are told in one turn, as far as revisions allow. */
const BATCH = 500;

export interface EtcdWatchOptions {
  readonly connection: EtcdConnection;
  readonly clock: Clock;
  readonly keys: EtcdKeys;
  readonly kinds: readonly string[];
  readonly from: EtcdCursor;
  readonly sink: WatchSink;
  /** When the watch has expired or was closed. */
  readonly onEnd: () => void;
}

interface Told {
  readonly revision: number;
  readonly event: WatchEvent;
}

/** An answer whose events are decoded one by one: a watch that catches up gets all it missed in one message. */
const watchAnswer = message({ ...watchResponseHead, events: [WATCH_EVENTS_FIELD, repeated(bytes)] });
type Answer = ValueOf<typeof watchAnswer>;

type Expiry = "compacted" | "rolledBack" | "unknown";

export class EtcdWatch implements Watch {
  readonly #options: EtcdWatchOptions;
  readonly #kinds: ReadonlySet<string>;
  readonly #prefixes: readonly string[];
  readonly #progress: EtcdProgress;
  /** Watches of the stream that exist, by id. */
  readonly #created = new Set<number>();
  #stream: GrpcStream | undefined;
  #waiting: { readonly timer: Timer; readonly end: () => void } | undefined;
  #isInterrupted = false;
  #isClosed = false;
  #delayMs: Millis = FIRST_DELAY_MS;

  constructor(options: EtcdWatchOptions) {
    const { kinds, keys, from } = options;
    this.#options = options;
    this.#kinds = new Set(kinds);
    this.#prefixes = keys.etcdPrefixes(kinds);
    this.#progress = new EtcdProgress(this.#prefixes, from);
  }

  start(): void {
    void this.#run();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream?.cancel();
    this.#waiting?.timer.cancel();
    this.#waiting?.end();
    this.#options.onEnd();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      let failure: unknown;
      try {
        const expiry = await this.#follow();
        if (this.#isClosed) return;
        if (expiry) {
          this.close();
          this.#options.sink.expired(expiry);
          return;
        }
        failure = new StoreError("unavailable", "the store ended the watch", {});
      } catch (thrown) {
        failure = translate(thrown);
      }
      if (this.#isClosed) return;
      this.#interrupt(failure);
      await this.#pause();
    }
  }

  /** What is no trouble with the store is a fault, and ends the program. */
  #interrupt(failure: unknown): void {
    this.#isInterrupted = true;
    if (failure instanceof StoreError) this.#options.sink.interrupted(failure);
    else if (failure instanceof CallRefused) {
      const { endpoint } = failure.detail;
      this.#options.sink.interrupted(new StoreError("unavailable", failure.message, { endpoint }));
    } else throw failure;
  }

  #pause(): Promise<void> {
    // Half of the delay is drawn, so that the watchers of a store that comes back do not all come at once.
    const delay = this.#delayMs * (0.5 + Math.random() / 2);
    this.#delayMs = Math.min(this.#delayMs * 2, LONGEST_DELAY_MS);
    return new Promise((resolve) => {
      this.#waiting = { timer: this.#options.clock.after(delay, resolve), end: resolve };
    });
  }

  /** One stream from its beginning to its end. Gives a reason to end the watch; throws as the stream failed. */
  async #follow(): Promise<Expiry | undefined> {
    const { connection, clock, from } = this.#options;
    const { header } = await connection.read(kvMethods.range, { key: "\0", countOnly: true });
    if (this.#isClosed) return undefined;
    if (clusterOf(header) !== from.cluster) return "unknown";
    if ((header?.revision ?? 0) < this.#progress.newest) return "rolledBack";
    const channel = await connection.channel();
    const stream = channel.open(watchMethod.path);
    this.#stream = stream;
    if (this.#isClosed) stream.cancel();
    try {
      this.#create(stream);
      const slices = new Slices(clock);
      for await (const messages of stream.pieces()) {
        const answers = messages.map((octets) => decode(watchAnswer, octets));
        const expiry = this.#note(answers);
        if (expiry) return expiry;
        await this.#tell(answers, slices);
        if (this.#isClosed) return undefined;
      }
    } finally {
      stream.cancel();
    }
    return undefined;
  }

  #create(stream: GrpcStream): void {
    this.#created.clear();
    for (const [index, prefix] of this.#prefixes.entries()) {
      const key = octetTextOf(prefix);
      const create = {
        ...watchCreateRequest.absent,
        key,
        rangeEnd: prefixEnd(key),
        startRevision: (this.#progress.positions[index] ?? 0) + 1,
        progressNotify: true,
        prevKv: true,
        watchId: index + 1,
      };
      stream.write(grpcFrame(watchMethod.request, { create }));
    }
  }

  /** Answers that are no events. */
  #note(answers: readonly Answer[]): Expiry | undefined {
    for (const { watchId, header, created, canceled, compactRevision, cancelReason } of answers) {
      if (clusterOf(header) !== this.#options.from.cluster) return "unknown";
      if (canceled && compactRevision > 0) return "compacted";
      if (canceled) throw new StoreError("unavailable", `the store refuses the watch: ${cancelReason}`, {});
      if (created) this.#created.add(watchId);
    }
    if (this.#isInterrupted && this.#created.size === this.#prefixes.length) {
      this.#isInterrupted = false;
      this.#delayMs = FIRST_DELAY_MS;
      this.#options.sink.resumed();
    }
    return undefined;
  }

  /** The events of answers that came together, in the order of their revisions, many in several turns. */
  async #tell(answers: readonly Answer[], slices: Slices): Promise<void> {
    const reached = [...this.#progress.positions];
    const told: Told[] = [];
    for (const { watchId, header, created, events } of answers) {
      const before = reached[watchId - 1];
      if (before === undefined) continue;
      // An answer without events is a sign of progress: nothing is left out up to its revision.
      let last = events.length > 0 || created ? before : Math.max(before, header?.revision ?? 0);
      for (const octets of events) {
        if (slices.isOver) await slices.next();
        const event = decode(eventMessage, octets);
        const revision = event.kv?.modRevision ?? 0;
        if (revision <= before) continue;
        last = revision;
        const mapped = this.#map(event);
        if (mapped) told.push({ revision, event: mapped });
      }
      reached[watchId - 1] = last;
    }
    told.sort((a, b) => a.revision - b.revision);
    for (let from = 0; from < told.length; ) {
      if (this.#isClosed) return;
      const end = endOfBatch(told, from);
      const batch = told.slice(from, end);
      this.#progress.advance(reached, end === told.length ? Number.POSITIVE_INFINITY : (batch.at(-1)?.revision ?? 0));
      this.#options.sink.events(
        batch.map(({ event }) => event),
        this.#progress.cursor,
      );
      from = end;
      if (from < told.length) await slices.next();
    }
    this.#progress.advance(reached, Number.POSITIVE_INFINITY);
  }

  #map({ type, kv, prevKv }: Event): WatchEvent | undefined {
    const key = kv && objectKeyOf(this.#options.keys, kv);
    if (!kv || !key || !this.#kinds.has(key.kind)) return undefined;
    if (type === EVENT_DELETE) {
      const was = prevKv && decodeObject(key, prevKv);
      return was && !isUnreadable(was) ? { type: "removed", key, was } : { type: "removed", key };
    }
    const object = decodeObject(key, kv);
    return isUnreadable(object) ? { type: "unreadable", ...object } : { type: "changed", object };
  }
}

/** Where a batch ends that begins at `from`: what has one revision stays together. */
function endOfBatch(told: readonly Told[], from: number): number {
  let end = Math.min(from + BATCH, told.length);
  while (end < told.length && told[end]?.revision === told[end - 1]?.revision) end++;
  return end;
}

const clusterOf = (header: ResponseHeader | undefined): string => clusterText(header?.clusterId ?? 0n);
