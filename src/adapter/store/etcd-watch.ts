/**
 * A watch of several kinds on one etcd stream: one etcd watch for each key prefix. Goes on by itself after a loss, each
 * prefix from where it stood, and asks before it does whether the store is still the one it knew: a member that lags
 * behind is no store rolled back, so the question is a linearizable read.
 *
 * etcd keeps the order and the unity of changes within a watch. Across prefixes what comes together is put in order.
 */
import type { Clock, Millis, Timer } from "../../port/clock.ts";
import { StoreError, type Watch, type WatchEvent, type WatchSink } from "../../port/store.ts";
import { EVENT_DELETE, type Event, prefixEnd, type ResponseHeader } from "../../wire/etcd/kv.ts";
import { kvMethods, watchMethod } from "../../wire/etcd/services.ts";
import { type WatchResponse, watchCreateRequest } from "../../wire/etcd/watch.ts";
import { grpcFrame } from "../../wire/grpc-frames.ts";
import { octetTextOf } from "../../wire/octet-text.ts";
import { decode } from "../../wire/protobuf.ts";
import { CallRefused, type EtcdConnection, translate } from "./etcd-connection.ts";
import { clusterText, type EtcdCursor, formatCursor } from "./etcd-cursor.ts";
import { decodeObject, type EtcdKeys, objectKeyOf } from "./etcd-values.ts";
import type { GrpcStream } from "./grpc-stream.ts";
import { Slices } from "./slices.ts";

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;

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

interface Part {
  readonly prefix: string;
  /** Everything up to this revision was told. */
  at: number;
  isCreated: boolean;
}

type Expiry = "compacted" | "rolledBack" | "unknown";

export class EtcdWatch implements Watch {
  readonly #options: EtcdWatchOptions;
  readonly #kinds: ReadonlySet<string>;
  readonly #parts: readonly Part[];
  /** The newest revision that was heard of. */
  #newest: number;
  #stream: GrpcStream | undefined;
  #waiting: { readonly timer: Timer; readonly end: () => void } | undefined;
  #isInterrupted = false;
  #isClosed = false;
  #delayMs: Millis = FIRST_DELAY_MS;

  constructor(options: EtcdWatchOptions) {
    const { kinds, keys, from } = options;
    this.#options = options;
    this.#kinds = new Set(kinds);
    this.#newest = from.revision;
    this.#parts = keys.etcdPrefixes(kinds).map((prefix) => ({
      prefix,
      at: from.behind.get(prefix) ?? from.revision,
      isCreated: false,
    }));
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
    if ((header?.revision ?? 0) < this.#newest) return "rolledBack";
    const channel = await connection.channel();
    const stream = channel.open(watchMethod.path);
    this.#stream = stream;
    if (this.#isClosed) stream.cancel();
    try {
      this.#create(stream);
      const slices = new Slices(clock);
      for await (const messages of stream.pieces()) {
        const responses = messages.map((octets) => decode(watchMethod.response, octets));
        const expiry = this.#note(responses);
        if (expiry) return expiry;
        await this.#tell(responses, slices);
        if (this.#isClosed) return undefined;
      }
    } finally {
      stream.cancel();
    }
    return undefined;
  }

  #create(stream: GrpcStream): void {
    for (const [index, part] of this.#parts.entries()) {
      const key = octetTextOf(part.prefix);
      part.isCreated = false;
      const create = {
        ...watchCreateRequest.absent,
        key,
        rangeEnd: prefixEnd(key),
        startRevision: part.at + 1,
        progressNotify: true,
        prevKv: true,
        watchId: index + 1,
      };
      stream.write(grpcFrame(watchMethod.request, { create }));
    }
  }

  /** Answers that are no events. */
  #note(responses: readonly WatchResponse[]): Expiry | undefined {
    for (const { watchId, header, created, canceled, compactRevision, cancelReason } of responses) {
      if (clusterOf(header) !== this.#options.from.cluster) return "unknown";
      if (canceled && compactRevision > 0) return "compacted";
      if (canceled) throw new StoreError("unavailable", `the store refuses the watch: ${cancelReason}`, {});
      const part = this.#parts[watchId - 1];
      if (part && created) part.isCreated = true;
    }
    if (this.#isInterrupted && this.#parts.every(({ isCreated }) => isCreated)) {
      this.#isInterrupted = false;
      this.#delayMs = FIRST_DELAY_MS;
      this.#options.sink.resumed();
    }
    return undefined;
  }

  /** The events of responses that came together, in the order of their revisions. */
  async #tell(responses: readonly WatchResponse[], slices: Slices): Promise<void> {
    const { sink, from } = this.#options;
    const told: { readonly revision: number; readonly event: WatchEvent }[] = [];
    for (const { watchId, header, created, events } of responses) {
      const part = this.#parts[watchId - 1];
      if (!part) continue;
      for (const event of events) {
        if (slices.isOver) await slices.next();
        const revision = event.kv?.modRevision ?? 0;
        if (revision <= part.at) continue;
        const mapped = this.#map(event);
        if (mapped) told.push({ revision, event: mapped });
      }
      // An answer without events is a sign of progress: nothing is left out up to its revision.
      const reached = events.at(-1)?.kv?.modRevision ?? (created ? 0 : (header?.revision ?? 0));
      part.at = Math.max(part.at, reached);
      this.#newest = Math.max(this.#newest, part.at);
    }
    if (told.length === 0 || this.#isClosed) return;
    told.sort((a, b) => a.revision - b.revision);
    const behind = new Map(this.#parts.filter(({ at }) => at < this.#newest).map(({ prefix, at }) => [prefix, at]));
    const cursor = formatCursor({ cluster: from.cluster, revision: this.#newest, behind });
    sink.events(
      told.map(({ event }) => event),
      cursor,
    );
  }

  #map({ type, kv, prevKv }: Event): WatchEvent | undefined {
    const key = kv && objectKeyOf(this.#options.keys, kv);
    if (!kv || !key || !this.#kinds.has(key.kind)) return undefined;
    try {
      if (type !== EVENT_DELETE) return { type: "changed", object: decodeObject(key, kv) };
      return { type: "removed", key, ...(prevKv && { was: decodeObject(key, prevKv) }) };
    } catch (failure) {
      if (!(failure instanceof StoreError)) throw failure;
      if (type === EVENT_DELETE) return { type: "removed", key };
      // Somebody wrote what cannot be read: the object stays as it was known, and whoever watches hears why.
      this.#options.sink.interrupted(failure);
      this.#options.sink.resumed();
      return undefined;
    }
  }
}

const clusterOf = (header: ResponseHeader | undefined): string => clusterText(header?.clusterId ?? 0n);
