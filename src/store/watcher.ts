/** One watch: which events it takes, and those that wait to be sent. Events of one revision leave together. */
import type { RpcError } from "../port/rpc.ts";
import type { ResponseHeader } from "../wire/etcd/kv.ts";
import type { KeyEvent } from "./key-event.ts";
import type { KeyRange } from "./key-range.ts";
import { MAX_RESPONSE_OCTETS, responseFrames } from "./watch-response.ts";

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

/** Never changed. */
const NOTHING: KeyEvent[] = [];

export class Watcher {
  readonly spec: WatcherSpec;
  readonly outlet: Outlet;
  /** Of events before this revision it has been told, or does not want to be. */
  next: number;
  /** Events in order. */
  #pending: KeyEvent[] = NOTHING;
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
    // Most watches are told of one event at a time: an array made for one is small.
    if (this.#pending === NOTHING) this.#pending = [event];
    else this.#pending.push(event);
    this.#pendingOctets += event.key.length + (event.after?.value.length ?? 0);
    return true;
  }

  /** Forgets what waits; it is to be read from the log again. */
  fallBack(): void {
    this.next = this.#pending[0]?.revision ?? this.next;
    this.#pending = NOTHING;
    this.#pendingOctets = 0;
  }

  /** Takes the next response off what waits, as frames: one, or several that are fragments of one. */
  takeResponse(header: (revision: number) => ResponseHeader): readonly Uint8Array[] {
    let octets = 0;
    let revision = 0;
    let count = 0;
    for (const event of this.#pending) {
      if (octets > MAX_RESPONSE_OCTETS && event.revision !== revision) break;
      octets += event.octets(this.spec.wantsBefore).length;
      revision = event.revision;
      count++;
    }
    const events = this.#pending;
    this.#pending = count === events.length ? NOTHING : events.slice(count);
    if (this.#pending === NOTHING) this.#pendingOctets = 0;
    this.next = Math.max(this.next, revision + 1);
    this.#told = revision;
    return responseFrames(count === events.length ? events : events.slice(0, count), this.spec, header(revision));
  }
}
