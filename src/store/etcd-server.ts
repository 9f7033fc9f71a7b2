/**
 * A store that speaks the etcd v3 API, put together: everything that answers, and what runs by itself.
 *
 *   RpcMethods ─┬─ KV ────────── Committer ── Mvcc ── RevisionLog
 *               ├─ Lease ─ Leases ──┘  │       │
 *               ├─ Watch ─ WatchHub ◀──┘       │
 *               └─ Maintenance, Cluster ─ Compactor
 */
import type { Clock, Millis, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Random } from "../port/random.ts";
import type { LogError, RevisionLog } from "../port/revision-log.ts";
import type { RpcMethods } from "../port/rpc.ts";
import { watchMethod } from "../wire/etcd/services.ts";
import { Committer } from "./committer.ts";
import { Compactor } from "./compactor.ts";
import { stopped } from "./errors.ts";
import type { Change } from "./item.ts";
import { kvService } from "./kv-service.ts";
import { Lane } from "./lane.ts";
import { leaseService } from "./lease-service.ts";
import { Leases } from "./leases.ts";
import { maintenanceService } from "./maintenance-service.ts";
import { Mvcc } from "./mvcc.ts";
import type { Retention } from "./retention.ts";
import { type HeaderAt, stream } from "./service.ts";
import { WatchHub } from "./watch-hub.ts";
import { WatchStream } from "./watch-stream.ts";

/** How often watches that asked for it hear how far the store is. */
const PROGRESS_MS: Millis = 60_000;
const CACHE_OCTETS = 256 * 1024 * 1024;

export interface EtcdServerDeps {
  readonly log: RevisionLog;
  readonly clock: Clock;
  readonly random: Pick<Random, "uint64">;
  readonly logger: Log;
  readonly retention: Retention;
  /** Octets of values kept in memory; default 256 MiB. */
  readonly cacheOctets?: number;
  /** Told once when nothing can be made durable any more: the store is to be ended. */
  readonly failed: (failure: LogError) => void;
  /** Where clients reach the store, for `member list`. */
  readonly clientUrls: () => readonly string[];
}

export class EtcdServer {
  readonly methods: RpcMethods;
  readonly #deps: EtcdServerDeps;
  readonly #committer: Committer;
  readonly #compactor: Compactor;
  readonly #leases: Leases;
  readonly #streams = new Set<WatchStream>();
  #progress: Timer;

  /** Reads the whole log. Throws LogError. */
  constructor(deps: EtcdServerDeps) {
    const { log, clock, random, logger, retention, cacheOctets = CACHE_OCTETS } = deps;
    this.#deps = deps;
    const mvcc = new Mvcc(log, { cacheOctets });
    const lane = new Lane(clock);
    const hub = new WatchHub({ mvcc, log, lane, logger });
    const committed = (changes: readonly Change[]): void => hub.publish(changes);
    this.#committer = new Committer({ mvcc, log, clock, logger, committed, failed: deps.failed });
    this.#compactor = new Compactor({ mvcc, log, clock, lane, logger, retention });
    this.#leases = new Leases({ mvcc, committer: this.#committer, clock, random, logger, kept: log.leases() });
    const header: HeaderAt = (revision) => ({
      clusterId: log.clusterId,
      memberId: log.memberId,
      revision,
      raftTerm: log.term,
    });
    const parts = {
      ...deps,
      mvcc,
      lane,
      header,
      committer: this.#committer,
      compactor: this.#compactor,
      leases: this.#leases,
    };
    this.methods = {
      ...kvService(parts),
      ...leaseService(parts),
      ...maintenanceService(parts),
      ...stream(watchMethod.path, (call) => {
        const opened = new WatchStream({ mvcc, hub, header, onClosed: (one) => this.#streams.delete(one) }, call);
        this.#streams.add(opened);
        return opened;
      }),
    };
    this.#compactor.start();
    this.#progress = clock.after(PROGRESS_MS, () => this.#tellProgress());
    const keys = mvcc.count({ begin: "", end: undefined });
    logger.info("store is read", { keys, revision: mvcc.revision, clusterId: log.clusterId.toString(16) });
  }

  #tellProgress(): void {
    for (const one of this.#streams) one.progressIsDue();
    this.#progress = this.#deps.clock.after(PROGRESS_MS, () => this.#tellProgress());
  }

  /** Refuses what comes, finishes what was begun, ends watches. The log may be closed after it. */
  async close(): Promise<void> {
    this.#progress.cancel();
    this.#compactor.close();
    this.#leases.close();
    await this.#committer.stop();
    for (const one of this.#streams) one.fail(stopped());
  }
}
