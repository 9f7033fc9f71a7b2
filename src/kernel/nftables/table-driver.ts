/**
 * Makes tables of the kernel what they shall be: one transaction per change, computed from what the kernel holds and
 * refused by it when that has moved on.
 *
 *     apply ─▶ hear foreign changes ─▶ read what was touched ─▶ plan ─▶ commit ─▶ done
 *                        ▲                                                │ ERESTART, or our view was stale
 *                        └────────────────────────────────────────────────┘
 *
 * Ownership: a table is ours by its name (`ip calico`, `ip6 calico`, or what the caller names); everything in it that
 * the tree lacks is removed, nothing outside of it is touched. The OWNER flag is never set: rules outlive the process.
 * A process without memory reads what the kernel holds and compares it whole, so that a restart writes nothing.
 */
import type { Batch } from "../../netlink/nftables/batch.ts";
import { addChange, type TableHead } from "../../netlink/nftables/change-codec.ts";
import type { ForeignBaseChain } from "../../netlink/nftables/foreign-chain.ts";
import type { DecodedChain } from "../../netlink/nftables/object-decoder.ts";
import { planSteps } from "../../netlink/nftables/plan.ts";
import { type Stage, stagesOf } from "../../netlink/nftables/stages.ts";
import type { Steps } from "../../netlink/nftables/steps.ts";
import { type NftTable, type TableKey, tableName } from "../../netlink/nftables/tree.ts";
import type { Clock } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";
import { KernelError, type Netlink } from "../../port/netlink.ts";
import { TurnBudget } from "../turn-budget.ts";
import { listForeignBaseChains } from "./foreign-chains.ts";
import { inTurns } from "./in-turns.ts";
import { KnownTable, type View } from "./known-table.ts";
import { type NftCalled, Ruleset } from "./ruleset.ts";

export interface NftApplyResult {
  /** Transactions sent; 0 when the kernel held everything already. */
  readonly transactions: number;
  /** What a foreign hand had changed since the last apply, in words; it is put back now. */
  readonly repairs: readonly string[];
  /** How the kernel differed from the tree, repairs included, in words. */
  readonly differences: readonly string[];
}

/** So often answers may get lost, or a table may change while it is read, before that is an error. */
const ATTEMPTS = 10;

export interface NftTableDriverDeps {
  readonly log: Log;
  readonly clock: Clock;
  readonly called?: NftCalled;
}

export class NftTableDriver {
  readonly #ruleset: Ruleset;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #budget: TurnBudget;
  readonly #known = new Map<string, KnownTable>();
  readonly #listeners: ((key?: TableKey) => void)[] = [];
  readonly #chainListeners: ((chain?: DecodedChain) => void)[] = [];
  #tail: Promise<unknown> = Promise.resolve();

  /** Listens for foreign changes from now on. Throws KernelError. */
  constructor(netlink: Netlink, { log, clock, called = () => undefined }: NftTableDriverDeps) {
    this.#log = log;
    this.#clock = clock;
    this.#budget = new TurnBudget(clock);
    const sink = {
      touched: (key: TableKey, chain?: DecodedChain) => this.#touched(key, chain),
      touchedAll: () => this.#touchedAll(),
    };
    this.#ruleset = new Ruleset(netlink, { log, clock, budget: this.#budget, sink, called });
  }

  /**
   * Makes the kernel hold the tree under `key`, or nothing. Calls are carried out one after the other. Throws
   * NftTreeError for a tree that no kernel could hold, KernelError for what the kernel refuses: then nothing of the last
   * transaction has taken effect.
   */
  apply(desired: NftTable | undefined, key: TableKey): Promise<NftApplyResult> {
    return this.#inTurn(() => this.#apply(desired, key));
  }

  /** What the kernel holds now, undefined when it has no such table. Throws KernelError. */
  read(key: TableKey): Promise<NftTable | undefined> {
    return this.#inTurn(async () => {
      const known = this.#knownOf(key);
      known.forget();
      const view = await this.#view(key, known);
      return view === "absent" ? undefined : view;
    });
  }

  /** Names of all tables of the namespace. Throws KernelError. */
  tables(): Promise<readonly TableKey[]> {
    return this.#ruleset.reader.tables();
  }

  /** Base chains of all tables but these, with a guess at their owners. Throws KernelError. */
  foreignBaseChains(ours: readonly TableKey[]): Promise<readonly ForeignBaseChain[]> {
    return listForeignBaseChains(this.#ruleset.reader, ours);
  }

  /**
   * Calls when somebody else changed a table that was applied or read here: which one, or none when that is not known.
   * Once for each change that was not reported and not read since.
   */
  onChange(listener: (key?: TableKey) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Calls for each chain of any table that somebody else made, changed or removed, and without one when any may have
   * been. A removed base chain does not say so on every kernel: from Linux 6.4 on its hook is left out.
   */
  onForeignChain(listener: (chain?: DecodedChain) => void): void {
    this.#chainListeners.push(listener);
  }

  /** Idempotent. The kernel keeps everything. */
  close(): void {
    this.#ruleset.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work);
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  #knownOf(key: TableKey): KnownTable {
    const name = tableName(key);
    let known = this.#known.get(name);
    if (!known) {
      known = new KnownTable();
      this.#known.set(name, known);
    }
    return known;
  }

  async #apply(desired: NftTable | undefined, key: TableKey): Promise<NftApplyResult> {
    const known = this.#knownOf(key);
    const repairs = new Set<string>();
    const differences = new Set<string>();
    for (let attempt = 1, transactions = 0; ; attempt++) {
      await this.#ruleset.drain();
      const wasKnown = known.view !== undefined;
      const view = await this.#view(key, known);
      for (const words of await inTurns(this.#budget, known.drift())) repairs.add(words);
      const plan = await inTurns(this.#budget, planSteps(desired, view === "absent" ? undefined : view));
      for (const words of plan.differences) differences.add(words);
      const { touches } = known;
      try {
        for (const stage of await inTurns(this.#budget, stagesOf(plan))) {
          await this.#commit({ ...key, ...desired }, stage, known);
          transactions++;
        }
        known.applied(desired, touches);
        return { transactions, repairs: [...repairs], differences: [...differences] };
      } catch (failure) {
        known.forget();
        const mayPass = failure instanceof KernelError && (wasKnown || isPassing(failure));
        if (!mayPass || attempt === ATTEMPTS) throw failure;
        this.#log.debug("a change of nf_tables is tried again", { table: tableName(key), reason: failure.message });
      }
      await this.#clock.yield();
    }
  }

  /** What the kernel holds, read where it is not known. */
  async #view(key: TableKey, known: KnownTable): Promise<View> {
    for (let attempt = 1; ; attempt++) {
      if (known.view) return known.view;
      const { touches } = known;
      try {
        known.learn((await this.#ruleset.reader.table(key)) ?? "absent", touches);
      } catch (failure) {
        const vanished = failure instanceof KernelError && failure.errno === "ENOENT";
        if (!vanished || attempt === ATTEMPTS) throw failure;
      }
      await this.#ruleset.drain();
      if (!known.view && attempt === ATTEMPTS) {
        const subject = `table ${tableName(key)}`;
        throw new KernelError({ call: "read", errno: "EINTR", number: 4, subject, extack: "it changes all the time" });
      }
    }
  }

  #commit(table: TableHead, stage: Stage, known: KnownTable): Promise<void> {
    const { touches } = known;
    return this.#ruleset.commit({
      about: `changes of table ${tableName(table)}`,
      encode: (batch) => inTurns(this.#budget, encoding(batch, table, stage)),
      isValid: () => known.touches === touches,
    });
  }

  #touched(key: TableKey, chain?: DecodedChain): void {
    if (this.#known.get(tableName(key))?.touch()) this.#notify(key);
    if (chain) for (const listener of this.#chainListeners) listener(chain);
  }

  #touchedAll(): void {
    let isNews = false;
    for (const known of this.#known.values()) isNews = known.touch() || isNews;
    if (isNews) this.#notify();
    for (const listener of this.#chainListeners) listener();
  }

  #notify(key?: TableKey): void {
    for (const listener of this.#listeners) listener(key);
  }
}

function* encoding(batch: Batch, table: TableHead, stage: Stage): Steps<void> {
  for (const change of stage) {
    addChange(batch, table, change);
    yield;
  }
}

/** Whether the same change may succeed when computed anew, though it was computed from what was just read. */
const isPassing = ({ errno }: KernelError): boolean => ["ERESTART", "EBADMSG", "ENOBUFS", "EINTR"].includes(errno);
