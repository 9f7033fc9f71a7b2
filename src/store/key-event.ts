/** What watches are told of: encoded once for everybody who is told. */
import { EVENT_DELETE, EVENT_PUT } from "../wire/etcd/kv.ts";
import { encode } from "../wire/protobuf.ts";
import { eventAnswer, type Shown } from "./answers.ts";

export interface SharedResponse {
  readonly watchId: number;
  readonly withBefore: boolean;
  readonly inFragments: boolean;
  readonly events: readonly KeyEvent[];
  readonly frames: readonly Uint8Array[];
}

/** What became of a key at a revision, ready to be told. */
export class KeyEvent {
  readonly revision: number;
  readonly key: string;
  readonly after: Shown | undefined;
  readonly #before: () => Shown | undefined;
  /** The response that was made last with this event at its end: most who are told are told the same. */
  response: SharedResponse | undefined;
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
