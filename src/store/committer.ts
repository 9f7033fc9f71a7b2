/**
 * Group commit: what is asked for while the last write becomes durable is carried out together, one piece of work after
 * the other, and becomes durable in one write; only then anybody is answered or told. Nothing waits between reading state
 * and writing it, so every piece sees what the ones before it did, and nobody outside sees what is not durable.
 *
 * Work that throws changes nothing. A write that fails takes back everything that it was to make durable. After a sync that
 * fails nobody knows what is on the disk: then the store ends.
 */
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import { LogError, type RevisionLog } from "../port/revision-log.ts";
import { RpcError } from "../port/rpc.ts";
import { Batch, type Draft } from "./draft.ts";
import { noSpace, stopped } from "./errors.ts";
import { type Change, logRowOf } from "./item.ts";
import type { Mvcc } from "./mvcc.ts";

/** How long one turn may carry out work before it writes: half of the budget of a turn, the write takes its own time. */
const TURN_MS = 8;
/** Turns in which nothing comes take some microseconds. */
const TURNS_FOR_EACH = 8;
const MOST_TURNS = 160;
/** Writes by one alone after which others that were there are taken to have gone. */
const REMEMBERED_WRITES = 64;
/** Rows that are written in a few milliseconds. */
const ROWS_AT_ONCE = 1_000;

interface Job {
  readonly work: (draft: Draft) => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (failure: unknown) => void;
}

/** What becomes durable together. */
interface Group {
  readonly batch: Batch;
  readonly jobs: Job[];
  readonly answers: (() => void)[];
}

export interface CommitterDeps {
  readonly mvcc: Mvcc;
  readonly log: RevisionLog;
  readonly clock: Clock;
  readonly logger: Log;
  /** Told of what has become durable, in order, before those who asked for it are answered. */
  readonly committed: (changes: readonly Change[]) => void;
  /** Told once when nothing can become durable any more. */
  readonly failed: (failure: LogError) => void;
}

export class Committer {
  readonly #deps: CommitterDeps;
  #jobs: Job[] = [];
  /** How many asked for the last write. */
  #lastCount = 0;
  /** Writes until those who were several last are forgotten. */
  #company = 0;
  #isRunning = false;
  /** What was carried out last is not durable yet. */
  #isSyncing = false;
  /** To be called when it is, or never will be. */
  readonly #settled: ((failure?: RpcError) => void)[] = [];
  #isStopped = false;

  constructor(deps: CommitterDeps) {
    this.#deps = deps;
  }

  /** Resolves to what the work returned, once it is durable. Rejects with what it threw, or with the failure of the write. */
  submit<T>(work: (draft: Draft) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isStopped) {
        reject(stopped());
        return;
      }
      this.#jobs.push({ work, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Refuses further work; what was submitted is still carried out. Resolves when it is. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    while (this.#isRunning) await this.#deps.clock.yield();
  }

  /** Calls `look` at once, or as soon as everything that was done is durable; rejects when it never will be. */
  whenSettled<T>(look: () => T): Promise<Awaited<T>> {
    if (!this.#isSyncing) return Promise.resolve(look());
    return new Promise((resolve, reject) => {
      this.#settled.push((failure) => {
        if (failure) reject(failure);
        else resolve(Promise.try(look));
      });
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#jobs.length > 0) {
      await this.#gather();
      await this.#commit(this.#carryOut());
    }
    this.#isRunning = false;
  }

  /**
   * Who writes alone need not wait for others. Those who were several are likely to come back together: the larger the
   * group, the less each write costs. One of them whose write happened to be alone waits a turn: the loop stood still
   * meanwhile, and what the others sent is there already.
   */
  async #gather(): Promise<void> {
    if (this.#company === 0) return;
    const patience = Math.min(this.#lastCount * TURNS_FOR_EACH, MOST_TURNS);
    for (let turn = 0; turn < patience; turn++) {
      await this.#deps.clock.yield();
      if (this.#jobs.length >= this.#lastCount) return;
    }
  }

  #carryOut(): Group {
    const { mvcc, clock } = this.#deps;
    const group: Group = { batch: new Batch(mvcc), jobs: [], answers: [] };
    const deadline = clock.now() + TURN_MS;
    let taken = 0;
    for (const job of this.#jobs) {
      taken++;
      try {
        const value = group.batch.carryOut(job.work);
        group.jobs.push(job);
        group.answers.push(() => job.resolve(value as never));
      } catch (failure) {
        job.reject(failure);
      }
      if (group.batch.changes.length >= ROWS_AT_ONCE || (taken % 16 === 0 && clock.now() > deadline)) break;
    }
    this.#jobs = this.#jobs.slice(taken);
    this.#lastCount = taken;
    this.#company = taken > 1 ? REMEMBERED_WRITES : Math.max(0, this.#company - 1);
    return group;
  }

  async #commit({ batch, jobs, answers }: Group): Promise<void> {
    try {
      this.#write(batch);
    } catch (failure) {
      batch.undoTo(0);
      for (const job of jobs) job.reject(failure);
      return;
    }
    if (!batch.isEmpty) {
      const failure = await this.#sync(jobs.length);
      if (failure) {
        this.#end(failure, jobs);
        return;
      }
      this.#deps.mvcc.settle(batch.changes);
      if (batch.changes.length > 0) this.#deps.committed(batch.changes);
      for (const look of this.#settled.splice(0)) look();
    }
    for (const answer of answers) answer();
  }

  /** One alone is quicker without another thread; several leave the loop to others meanwhile. */
  async #sync(jobs: number): Promise<LogError | undefined> {
    const { log } = this.#deps;
    this.#isSyncing = true;
    try {
      if (jobs === 1) log.sync();
      else await log.syncOffLoop();
      return undefined;
    } catch (failure) {
      if (failure instanceof LogError) return failure;
      throw failure;
    } finally {
      this.#isSyncing = false;
    }
  }

  #end(failure: LogError, jobs: readonly Job[]): void {
    const error = new RpcError("unavailable", `etcdserver: ${failure.message}`, { cause: failure });
    this.#isStopped = true;
    for (const job of [...jobs, ...this.#jobs.splice(0)]) job.reject(error);
    for (const look of this.#settled.splice(0)) look(error);
    this.#deps.failed(failure);
  }

  /** Throws RpcError when the log cannot be written. */
  #write(batch: Batch): void {
    if (batch.isEmpty) return;
    const { changes, granted, revoked } = batch;
    try {
      this.#deps.log.write({ rows: changes.map(logRowOf), granted, revoked });
    } catch (failure) {
      if (!(failure instanceof LogError)) throw failure;
      this.#deps.logger.error("nothing can be written: every change is refused", {}, failure);
      if (failure.code === "full") throw noSpace({ cause: failure });
      throw new RpcError("unavailable", `etcdserver: ${failure.message}`, { cause: failure });
    }
  }
}
