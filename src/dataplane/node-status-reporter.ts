/**
 * CalicoNodeStatus objects that name this node: their status is what the node sees of itself, written when the object comes or
 * its spec changes, and again after each period. A store that is away, or a writer who came first, is tried with the next.
 */
import { formatJson, type Json, type JsonObject } from "../base/json.ts";
import type { Clock, Millis, Timer, WallClock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import { type Listing, type Store, type Stored, StoreError, type WatchEvent } from "../port/store.ts";
import type { KindFollower } from "./agent.ts";

const KIND = "CalicoNodeStatus";
/** Writes of a burst of objects are spread, and two changes of one are one. */
const DELAY_MS: Millis = 1_000;
const RETRY_MS: Millis = 5_000;

export interface NodeStatusReporterDeps {
  readonly node: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly turn: <T>(name: string, work: () => T) => T;
  /** What is true now of the classes that are asked for: `Agent`, `BGP`, `Routes`. */
  readonly content: (classes: readonly string[]) => JsonObject;
}

interface Wanted {
  object: Stored;
  timer: Timer | undefined;
}

export class NodeStatusReporter implements KindFollower {
  readonly kinds = [KIND];
  readonly #deps: NodeStatusReporterDeps;
  readonly #wanted = new Map<string, Wanted>();
  #isClosed = false;

  constructor(deps: NodeStatusReporterDeps) {
    this.#deps = deps;
  }

  listed({ objects }: Listing): void {
    const there = new Set(objects.map(({ key }) => key.name));
    for (const name of [...this.#wanted.keys()]) if (!there.has(name)) this.#forget(name);
    for (const object of objects) this.#take(object);
  }

  events(events: readonly WatchEvent[]): void {
    for (const event of events) {
      if (event.type === "changed" && event.object.key.kind === KIND) this.#take(event.object);
      if (event.type === "removed" && event.key.kind === KIND) this.#forget(event.key.name);
    }
  }

  /** Our own writes come back too: only another spec is news. */
  #take(object: Stored): void {
    const { name } = object.key;
    const known = this.#wanted.get(name);
    if (specOf(object)["node"] !== this.#deps.node) {
      this.#forget(name);
      return;
    }
    if (known && formatJson(specOf(known.object)) === formatJson(specOf(object))) {
      known.object = object;
      return;
    }
    this.#forget(name);
    const wanted: Wanted = { object, timer: undefined };
    this.#wanted.set(name, wanted);
    this.#after(wanted, DELAY_MS);
  }

  #forget(name: string): void {
    this.#wanted.get(name)?.timer?.cancel();
    this.#wanted.delete(name);
  }

  #after(wanted: Wanted, delayMs: Millis): void {
    const { clock, turn } = this.#deps;
    wanted.timer = clock.after(delayMs, () => void turn(`publish ${KIND}`, () => this.#report(wanted)));
  }

  async #report(wanted: Wanted): Promise<void> {
    const { object } = wanted;
    const periodSeconds = specOf(object)["updatePeriodSeconds"];
    const isWritten = await this.#write(object);
    if (this.#isClosed || this.#wanted.get(object.key.name) !== wanted) return;
    if (!isWritten) this.#after(wanted, RETRY_MS);
    else if (typeof periodSeconds === "number" && periodSeconds > 0) this.#after(wanted, periodSeconds * 1_000);
  }

  async #write({ key, value, revision }: Stored): Promise<boolean> {
    const { store, wallClock, log, content } = this.#deps;
    const classes = specOf({ value })["classes"];
    const asked = Array.isArray(classes) ? classes.filter((name) => typeof name === "string") : [];
    const status: JsonObject = { lastUpdated: wallClock.now().toISOString(), ...content(asked) };
    try {
      const { ok } = await store.write([{ op: "update", key, value: { ...value, status }, revision }]);
      return ok;
    } catch (failure) {
      if (!(failure instanceof StoreError)) throw failure;
      log.debug("a CalicoNodeStatus waits for the store", { name: key.name, error: failure.message });
      return false;
    }
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const name of [...this.#wanted.keys()]) this.#forget(name);
  }
}

function specOf({ value }: Pick<Stored, "value">): JsonObject {
  const spec: Json | undefined = value["spec"];
  return typeof spec === "object" && spec !== null && !Array.isArray(spec) ? (spec as JsonObject) : {};
}
