/**
 * One watch: which events it takes, and those that wait to be sent. An event is encoded once for everybody who is told
 * of it. Events of one revision leave together, in one response where the client does not ask for fragments.
 */
import type { RpcError } from "../port/rpc.ts";
import type { ResponseHeader } from "../wire/etcd/kv.ts";
import { EVENT_DELETE, EVENT_PUT } from "../wire/etcd/kv.ts";
import { encode, encodeInto } from "../wire/protobuf.ts";
import { OctetSink } from "../wire/protobuf-octets.ts";
import { eventAnswer, type Shown, WATCH_EVENTS_FIELD, watchAnswerHead } from "./answers.ts";
import type { KeyRange } from "./key-range.ts";

/** A longer response is split: between revisions, or anywhere where the client can put fragments together. */
const MAX_RESPONSE_OCTETS = 1 << 20;
const FRAME_HEAD = 5;
/** Field 11, length-delimited. */
const EVENT_TAG = (WATCH_EVENTS_FIELD << 3) | 2;

/** What became of a key at a revision, ready to be told. */
export class KeyEvent {
  readonly revision: number;
  readonly key: string;
  readonly after: Shown | undefined;
  readonly #before: () => Shown | undefined;
  #octets: Uint8Array | undefined;
  #octetsWithBefore: Uint8Array | undefined;

  /** `after` is undefined for a deletion; `before` is asked for when somebody wants to know, and may have been forgotten. */
  constructor(event: { revision: number; key: string; after: Shown | undefined; before: () => Shown | undefined }) {
    this.revision = event.revision;
    this.key = event.key;
    this.after = event.after;
    this.#before = event.before;
  }

  octets(withBefore: boolean): Uint8Array {
    if (!withBefore) {
      this.#octets ??= encode(eventAnswer, this.#message());
      return this.#octets;
    }
    this.#octetsWithBefore ??= encode(eventAnswer, { ...this.#message(), prevKv: this.#before() });
    return this.#octetsWithBefore;
  }

  /** Of a deletion etcd tells the key and the revision alone. */
  #message(): { type: number; kv: Shown } {
    if (this.after) return { type: EVENT_PUT, kv: this.after };
    const { key, revision } = this;
    return {
      type: EVENT_DELETE,
      kv: { key, modRevision: revision, createRevision: 0, version: 0, value: "", lease: 0n },
    };
  }
}

/** The stream that a watch belongs to. */
export interface Outlet {
  /** Its reader is behind: nothing is sent until it has caught up. */
  readonly isBlocked: boolean;
  /** Sends what waits, as far as the reader takes it. */
  flush(): void;
  /** Ends one watch: history that it has not been told of is forgotten. */
  expire(watcher: Watcher): void;
  /** Ends all of its watches. */
  fail(error: RpcError): void;
}

export interface WatcherSpec {
  readonly id: number;
  readonly range: KeyRange;
  readonly wantsPuts: boolean;
  readonly wantsDeletions: boolean;
  readonly wantsBefore: boolean;
  readonly wantsProgress: boolean;
  readonly takesFragments: boolean;
}

export class Watcher {
  readonly spec: WatcherSpec;
  readonly outlet: Outlet;
  /** Of events before this revision it has been told, or does not want to be. */
  next: number;
  /** Events in order. */
  #pending: KeyEvent[] = [];
  #pendingOctets = 0;
  /** The client knows of this revision. */
  #told: number;

  /** `told`: the revision in the answer that made the watch. */
  constructor(spec: WatcherSpec, outlet: Outlet, at: { readonly next: number; readonly told: number }) {
    this.spec = spec;
    this.outlet = outlet;
    this.next = at.next;
    this.#told = at.told;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Octets that wait, about. */
  get pendingOctets(): number {
    return this.#pendingOctets;
  }

  /** Whether the client, who asked for it, would learn something from being told the revision; if so, it is told now. */
  takeProgress(revision: number): boolean {
    if (!this.spec.wantsProgress || revision <= this.#told) return false;
    this.#told = revision;
    return true;
  }

  /** False when the event is none for this watch. */
  push(event: KeyEvent): boolean {
    const { wantsPuts, wantsDeletions } = this.spec;
    if (event.revision < this.next || !(event.after ? wantsPuts : wantsDeletions)) return false;
    this.#pending.push(event);
    this.#pendingOctets += event.key.length + (event.after?.value.length ?? 0);
    return true;
  }

  /** Forgets what waits; it is to be read from the log again. */
  fallBack(): void {
    this.next = this.#pending[0]?.revision ?? this.next;
    this.#pending = [];
    this.#pendingOctets = 0;
  }

  /** Takes the next response off what waits, as frames: one, or several that are fragments of one. */
  takeResponse(header: (revision: number) => ResponseHeader): Uint8Array[] {
    const { takesFragments, wantsBefore } = this.spec;
    const events: Uint8Array[] = [];
    let octets = 0;
    let revision = 0;
    for (const event of this.#pending) {
      if (octets > MAX_RESPONSE_OCTETS && event.revision !== revision) break;
      const encoded = event.octets(wantsBefore);
      events.push(encoded);
      octets += encoded.length;
      revision = event.revision;
    }
    this.#pending = this.#pending.slice(events.length);
    if (this.#pending.length === 0) this.#pendingOctets = 0;
    this.next = Math.max(this.next, revision + 1);
    this.#told = revision;
    const parts = takesFragments ? fragments(events) : [events];
    return parts.map((part, index) => this.#frame(header(revision), part, index < parts.length - 1));
  }

  #frame(header: ResponseHeader, events: readonly Uint8Array[], fragment: boolean): Uint8Array {
    const length = events.reduce((sum, { length }) => sum + length + 6, 64);
    const sink = new OctetSink(length);
    sink.reserve(FRAME_HEAD);
    encodeInto(sink, watchAnswerHead, { header, watchId: this.spec.id, fragment });
    for (const event of events) {
      sink.varint(EVENT_TAG);
      sink.octets(event);
    }
    sink.patchU32(1, sink.length - FRAME_HEAD);
    return sink.finish();
  }
}

function fragments(events: readonly Uint8Array[]): Uint8Array[][] {
  const parts: Uint8Array[][] = [[]];
  let octets = 0;
  for (const event of events) {
    if (octets > 0 && octets + event.length > MAX_RESPONSE_OCTETS) {
      parts.push([]);
      octets = 0;
    }
    parts.at(-1)?.push(event);
    octets += event.length;
  }
  return parts;
}
