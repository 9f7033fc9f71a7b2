/**
 * What a node tells others through the store: objects of our own kinds, one per node, written when their content
 * changes and not when a revision moves. A store that is away is tried again; the newest content counts.
 */
import { formatJson, type JsonObject } from "../base/json.ts";
import type { Clock, Millis, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import { type Store, StoreError } from "../port/store.ts";

/** Changes within this time are written together (Felix's EndpointReportingDelay). */
const DELAY_MS: Millis = 1_000;
const RETRY_MS: Millis = 10_000;

export interface PublisherDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly turn: <T>(name: string, work: () => T) => T;
}

/** One object: `kind` and the name of the node. */
export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #kind: string;
  readonly #node: string;
  /** Makes the content that is true now. */
  readonly #content: () => JsonObject;
  #written: string | undefined;
  #timer: Timer | undefined;

  constructor(kind: string, node: string, content: () => JsonObject, deps: PublisherDeps) {
    this.#kind = kind;
    this.#node = node;
    this.#content = content;
    this.#deps = deps;
  }

  /** The content may have changed. */
  changed(): void {
    this.#after(DELAY_MS);
  }

  #after(delayMs: Millis): void {
    this.#timer ??= this.#deps.clock.after(delayMs, () => {
      void this.#deps.turn(`publish ${this.#kind}`, () => this.#publish());
    });
  }

  async #publish(): Promise<void> {
    const { store, log } = this.#deps;
    const content = this.#content();
    const text = formatJson(content);
    this.#timer = undefined;
    if (text === this.#written) return;
    const name = this.#node;
    const value = { kind: this.#kind, apiVersion: "ocicat.io/v1", metadata: { name }, ...content };
    try {
      await store.write([{ op: "put", key: { kind: this.#kind, name }, value }]);
      this.#written = text;
    } catch (failure) {
      if (!(failure instanceof StoreError)) throw failure;
      log.debug("what this node tells others waits for the store", { kind: this.#kind, error: failure.message });
      if (failure.code !== "closed") this.#after(RETRY_MS);
    }
  }

  close(): void {
    this.#timer?.cancel();
  }
}
