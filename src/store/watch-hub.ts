/**
 * Tells every watch what it asked for. A watch that is up to date hears of a change when it becomes durable; one that
 * begins in the past, or whose reader fell too far behind, is read to from the log, together with all others that are
 * behind, and joins the first kind in the turn in which it has seen the last row.
 *
 *   committed ──▶ KeyEvent ──▶ InterestIndex ──▶ Watcher.pending ──▶ pump ──▶ Outlet.flush
 *                                   ▲                  │ reader too far behind
 *                                   └── catch-up ◀─────┘
 */
import { messageOf } from "../base/errors.ts";
import type { Log } from "../port/log.ts";
import { LogError, type LogRow, type RevisionLog } from "../port/revision-log.ts";
import { RpcError } from "../port/rpc.ts";
import type { Shown } from "./answers.ts";
import { InterestIndex } from "./interest-index.ts";
import type { Change, Item } from "./item.ts";
import { KeyEvent } from "./key-event.ts";
import type { Lane } from "./lane.ts";
import type { Mvcc } from "./mvcc.ts";
import type { Outlet, Watcher } from "./watcher.ts";

/** Octets that may wait for a reader that is behind. */
const MAX_PENDING_OCTETS = 1 << 20;
/** Rows read from the log in one turn. */
const ROWS_AT_ONCE = 256;

export interface WatchHubDeps {
  readonly mvcc: Mvcc;
  readonly log: RevisionLog;
  readonly lane: Lane;
  readonly logger: Log;
}

export class WatchHub {
  readonly #deps: WatchHubDeps;
  readonly #current = new InterestIndex<Watcher>();
  readonly #behind = new Set<Watcher>();
  readonly #dirty = new Set<Outlet>();
  #isPumping = false;
  #isCatchingUp = false;

  constructor(deps: WatchHubDeps) {
    this.#deps = deps;
  }

  /** Begins to tell a watch of everything from its `next` revision on, which is not before the compaction. */
  add(watcher: Watcher): void {
    if (watcher.next > this.#deps.mvcc.revision) {
      this.#current.add(watcher.spec.range, watcher);
      return;
    }
    this.#behind.add(watcher);
    this.#startCatchingUp();
  }

  remove(watcher: Watcher): void {
    this.#behind.delete(watcher);
    this.#current.remove(watcher.spec.range, watcher);
  }

  /** Lets an outlet send, in a turn that has room for it. */
  wake(outlet: Outlet): void {
    this.#send(outlet);
  }

  /** Whether the watch has yet to be told of something. */
  isBehind(watcher: Watcher): boolean {
    return this.#behind.has(watcher) || watcher.hasPending;
  }

  /** To be called when an outlet is blocked no more. */
  drained(outlet: Outlet): void {
    this.#send(outlet);
    this.#startCatchingUp();
  }

  publish(changes: readonly Change[]): void {
    for (const change of changes) {
      const event = this.#eventOf(change);
      this.#current.forEach(change.key, (watcher) => {
        if (!this.#tell(watcher, event)) this.#current.remove(watcher.spec.range, watcher);
      });
    }
  }

  /** False: its reader is too far behind, and the watch has fallen back. */
  #tell(watcher: Watcher, event: KeyEvent): boolean {
    if (!watcher.push(event)) return true;
    const { outlet } = watcher;
    if (outlet.isBlocked && watcher.pendingOctets > MAX_PENDING_OCTETS) {
      watcher.fallBack();
      this.#behind.add(watcher);
      return false;
    }
    this.#send(outlet);
    return true;
  }

  #send(outlet: Outlet): void {
    this.#dirty.add(outlet);
    if (!this.#isPumping) void this.#pump();
  }

  async #pump(): Promise<void> {
    const { lane } = this.#deps;
    this.#isPumping = true;
    await lane.next(0);
    for (const outlet of this.#dirty) {
      if (lane.isOver) await lane.next(0);
      this.#dirty.delete(outlet);
      outlet.flush();
    }
    this.#isPumping = false;
  }

  #startCatchingUp(): void {
    if (!this.#isCatchingUp && this.#behind.size > 0) void this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    this.#isCatchingUp = true;
    await this.#deps.lane.next(0);
    for (let round = this.#ready(); round.length > 0; round = this.#ready()) {
      try {
        await this.#readTo(round);
      } catch (failure) {
        if (!(failure instanceof LogError)) throw failure;
        this.#deps.logger.error("the log cannot be read for watches: they are ended", {}, failure);
        const error = new RpcError("dataLoss", `etcdserver: ${messageOf(failure)}`, { cause: failure });
        for (const { outlet } of round) outlet.fail(error);
      }
    }
    this.#isCatchingUp = false;
  }

  #ready(): Watcher[] {
    return [...this.#behind].filter(({ outlet }) => !outlet.isBlocked);
  }

  /** Reads the log to these watches from where the first of them stands, until they are current or fall back again. */
  async #readTo(round: readonly Watcher[]): Promise<void> {
    const { mvcc, log, lane } = this.#deps;
    const reading = new Set(round);
    const index = new InterestIndex<Watcher>();
    for (const watcher of round) index.add(watcher.spec.range, watcher);
    let reached = round.reduce((least, { next }) => Math.min(least, next), Number.POSITIVE_INFINITY);
    let position = log.positionOf(reached);
    while (position <= mvcc.sequence) {
      this.#dropExpired(reading, reached);
      const rows = wholeRevisions(log, position).filter(({ sequence }) => sequence <= mvcc.sequence);
      for (const row of rows) {
        const event = this.#eventOfRow(row);
        index.forEach(row.key, (watcher) => {
          if (reading.has(watcher) && !this.#tell(watcher, event)) reading.delete(watcher);
        });
      }
      const last = rows.at(-1);
      position = (last?.sequence ?? mvcc.sequence) + 1;
      reached = (last?.revision ?? mvcc.revision) + 1;
      if (position <= mvcc.sequence && lane.isOver) await lane.next(1);
    }
    this.#dropExpired(reading, mvcc.revision + 1);
    for (const watcher of reading) {
      this.#behind.delete(watcher);
      this.#current.add(watcher.spec.range, watcher);
      this.#send(watcher.outlet);
    }
  }

  /** Takes out those that were removed, and ends those that need rows which may be gone: read to `reached` is not enough. */
  #dropExpired(reading: Set<Watcher>, reached: number): void {
    const { compactedRevision } = this.#deps.mvcc;
    for (const watcher of reading) {
      if (!this.#behind.has(watcher)) reading.delete(watcher);
      else if (Math.max(watcher.next, reached) < compactedRevision) {
        reading.delete(watcher);
        this.#behind.delete(watcher);
        watcher.outlet.expire(watcher);
      }
    }
  }

  #eventOf({ revision, key, before, after }: Change): KeyEvent {
    return new KeyEvent({ revision, key, after, before: () => before && this.#withValue(() => before) });
  }

  #eventOfRow({ revision, key, sequence, value, createRevision, version, lease }: LogRow): KeyEvent {
    const { mvcc } = this.#deps;
    const after =
      value === undefined ? undefined : { key, createRevision, modRevision: revision, version, lease, value };
    return new KeyEvent({ revision, key, after, before: () => this.#withValue(() => mvcc.before(key, sequence)) });
  }

  /** Undefined also where the row has been compacted. */
  #withValue(find: () => Item | undefined): Shown | undefined {
    try {
      const item = find();
      return item && this.#deps.mvcc.withValue(item);
    } catch (failure) {
      if (failure instanceof RpcError && failure.code === "outOfRange") return undefined;
      throw failure;
    }
  }
}

/** Rows from a position on that end where a revision ends; none at the end of the log. */
function wholeRevisions(log: RevisionLog, position: number): readonly LogRow[] {
  for (let limit = ROWS_AT_ONCE; ; limit *= 4) {
    const rows = log.scan(position, limit);
    if (rows.length < limit) return rows;
    const cut = rows.findLastIndex(({ revision }) => revision !== rows.at(-1)?.revision);
    if (cut >= 0) return rows.slice(0, cut + 1);
  }
}
