/**
 * Leases: keys that go when nobody has kept their lease alive for its time to live. Which leases there are is durable;
 * how long each has left is not: after a start every lease has its whole time again, as in etcd after an election.
 */
import type { Clock, Millis, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Random } from "../port/random.ts";
import type { LogLease } from "../port/revision-log.ts";
import { RpcError } from "../port/rpc.ts";
import type { Committer } from "./committer.ts";
import type { Draft } from "./draft.ts";
import { leaseExists, leaseNotFound, leaseTtlTooLarge } from "./errors.ts";
import type { Mvcc } from "./mvcc.ts";

/** etcd's limits: 1.5 election timeouts, in whole seconds, and what its clients can count. */
const MIN_TTL_SECONDS = 2;
const MAX_TTL_SECONDS = 9_000_000_000;
/** Timers take no longer delays. */
const LONGEST_DELAY_MS: Millis = 2 ** 31 - 1;
/** Until an expired lease is tried again that could not be revoked. */
const RETRY_MS: Millis = 1_000;

interface Lease extends LogLease {
  expiresAt: Millis;
  timer: Timer;
}

/** `ttlSeconds`: what is left, rounded up; below 0 when the lease is overdue. */
export interface LeaseState {
  readonly id: bigint;
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  readonly keys: readonly string[];
}

export interface LeasesDeps {
  readonly mvcc: Mvcc;
  readonly committer: Committer;
  readonly clock: Clock;
  readonly random: Pick<Random, "uint64">;
  readonly logger: Log;
  /** Those that the log has. */
  readonly kept: Iterable<LogLease>;
}

export class Leases {
  readonly #deps: LeasesDeps;
  readonly #byId = new Map<bigint, Lease>();
  #isClosed = false;

  constructor(deps: LeasesDeps) {
    this.#deps = deps;
    for (const lease of deps.kept) this.#start(lease);
  }

  has(id: bigint): boolean {
    return this.#byId.has(id);
  }

  ids(): bigint[] {
    return [...this.#byId.keys()];
  }

  /** Id 0 draws one. Rejects with `leaseExists`, `leaseTtlTooLarge`. */
  async grant(id: bigint, ttlSeconds: number): Promise<LogLease> {
    if (ttlSeconds > MAX_TTL_SECONDS) throw leaseTtlTooLarge();
    const lease = { id: id === 0n ? this.#drawId() : id, ttlSeconds: Math.max(ttlSeconds, MIN_TTL_SECONDS) };
    await this.#deps.committer.submit((draft) => {
      if (this.has(lease.id)) throw leaseExists();
      this.#start(lease);
      draft.grant(lease, () => this.#stop(lease.id));
    });
    return lease;
  }

  /** Deletes the keys of the lease with it, at one revision. Rejects with `leaseNotFound`. */
  async revoke(id: bigint): Promise<void> {
    await this.#deps.committer.submit((draft) => this.#revoke(draft, id));
  }

  /** Gives what the lease has left now; undefined when there is no such lease. */
  keepAlive(id: bigint): number | undefined {
    const lease = this.#byId.get(id);
    if (!lease || lease.expiresAt <= this.#deps.clock.now()) return undefined;
    lease.expiresAt = this.#deps.clock.now() + lease.ttlSeconds * 1_000;
    return lease.ttlSeconds;
  }

  state(id: bigint): LeaseState | undefined {
    const lease = this.#byId.get(id);
    if (!lease) return undefined;
    return {
      id,
      grantedTtlSeconds: lease.ttlSeconds,
      ttlSeconds: Math.ceil((lease.expiresAt - this.#deps.clock.now()) / 1_000),
      keys: [...this.#deps.mvcc.keysOf(id)].sort(),
    };
  }

  /** No lease expires any more. */
  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#byId.values()) timer.cancel();
  }

  #revoke(draft: Draft, id: bigint): void {
    const lease = this.#byId.get(id);
    if (!lease) throw leaseNotFound();
    for (const key of [...this.#deps.mvcc.keysOf(id)].sort()) draft.delete(key);
    this.#stop(id);
    draft.revoke(id, () => {
      this.#byId.set(id, lease);
      this.#arm(lease, RETRY_MS);
    });
  }

  #start({ id, ttlSeconds }: LogLease): void {
    const { clock } = this.#deps;
    const lease: Lease = { id, ttlSeconds, expiresAt: clock.now() + ttlSeconds * 1_000, timer: { cancel: () => {} } };
    this.#byId.set(id, lease);
    this.#arm(lease);
  }

  #stop(id: bigint): void {
    this.#byId.get(id)?.timer.cancel();
    this.#byId.delete(id);
  }

  /** One timer for each lease: being kept alive moves its end, and the timer finds that when it fires. */
  #arm(lease: Lease, leastMs: Millis = 0): void {
    if (this.#isClosed) return;
    const { clock } = this.#deps;
    const delay = Math.min(Math.max(lease.expiresAt - clock.now(), leastMs), LONGEST_DELAY_MS);
    lease.timer = clock.after(delay, () => {
      if (lease.expiresAt > clock.now()) this.#arm(lease);
      else void this.#expire(lease);
    });
  }

  async #expire(lease: Lease): Promise<void> {
    try {
      await this.#deps.committer.submit((draft) => {
        if (this.#byId.get(lease.id) === lease) this.#revoke(draft, lease.id);
      });
      this.#deps.logger.debug("lease expired", { id: lease.id.toString(16) });
    } catch (failure) {
      if (!(failure instanceof RpcError)) throw failure;
      if (this.#byId.get(lease.id) !== lease) return;
      lease.timer.cancel();
      this.#arm(lease, RETRY_MS);
    }
  }

  /** A positive int64 that no lease has. */
  #drawId(): bigint {
    for (;;) {
      const id = this.#deps.random.uint64() & 0x7fff_ffff_ffff_ffffn;
      if (id !== 0n && !this.#byId.has(id)) return id;
    }
  }
}
