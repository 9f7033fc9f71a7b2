/**
 * The ruleset of one namespace, as a thing that moves in generations: who else moves it, and how a transaction of ours
 * gets in between. Owns the sockets.
 */
import { Batch, type Transaction } from "../../netlink/nftables/batch.ts";
import type { DecodedChain } from "../../netlink/nftables/object-decoder.ts";
import type { TableKey } from "../../netlink/nftables/tree.ts";
import type { Clock } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";
import { KernelError, type Netlink } from "../../port/netlink.ts";
import type { TurnBudget } from "../turn-budget.ts";
import { inTurns } from "./in-turns.ts";
import { RulesetMonitor } from "./ruleset-monitor.ts";
import { RulesetReader } from "./ruleset-reader.ts";
import { TransactionLane } from "./transaction-lane.ts";

/** Told of each call to the kernel when it has ended. */
export type NftCalled = (call: "commit" | "list", isGood: boolean) => void;

export interface RulesetDeps {
  readonly log: Log;
  readonly clock: Clock;
  /** Of the turn in which this ruleset is read and written. */
  readonly budget: TurnBudget;
  readonly sink: RulesetSink;
  readonly called: NftCalled;
}

export interface RulesetSink {
  /** Somebody else changed something in this table, this chain when it is named. */
  touched(key: TableKey, chain?: DecodedChain): void;
  /** Somebody else may have changed any table. */
  touchedAll(): void;
}

export interface Change {
  /** For errors. */
  readonly about: string;
  /** Fills the batch. */
  readonly encode: (batch: Batch) => Promise<void>;
  /** Whether what the change was computed from is still known to hold. */
  readonly isValid: () => boolean;
}

/** So often the ruleset may move on under a change before that is an error. */
const ATTEMPTS = 10;

export class Ruleset {
  readonly reader: RulesetReader;
  readonly #lane: TransactionLane;
  readonly #monitor: RulesetMonitor;
  readonly #log: Log;
  readonly #budget: TurnBudget;
  readonly #sink: RulesetSink;
  readonly #called: NftCalled;
  readonly #ownPorts = new Set<number>();
  /** The generation that our last commit made. */
  #ownGeneration: number | undefined;
  #isCommitting = false;
  #wasLost = false;

  /** Listens for foreign changes from now on. Throws KernelError. */
  constructor(netlink: Netlink, { log, clock, budget, sink, called }: RulesetDeps) {
    this.#log = log;
    this.#budget = budget;
    this.#sink = sink;
    this.#called = called;
    this.#lane = new TransactionLane(netlink);
    this.reader = new RulesetReader(netlink, clock, { budget, called });
    this.#monitor = new RulesetMonitor(netlink, {
      isOwn: (port) => this.#ownPorts.has(port),
      sink: { touched: (key, chain) => sink.touched(key, chain), lost: (reason) => this.#lost(reason) },
    });
  }

  /** Hears of everything that was committed before. */
  drain(): Promise<void> {
    return inTurns(this.#budget, this.#monitor.drain());
  }

  /**
   * Carries out one transaction on the ruleset as it is. When others move it on, the change is sent again as long as it
   * is valid. Throws KernelError, ERESTART among them; then nothing has taken effect.
   */
  async commit({ about, encode, isValid }: Change): Promise<void> {
    let generation = await this.#currentGeneration();
    const transaction = await this.#encode(generation, encode);
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#send(transaction, about);
        this.#ownGeneration = following(generation);
        return;
      } catch (failure) {
        if (!(failure instanceof KernelError) || failure.errno !== "ERESTART" || attempt === ATTEMPTS) throw failure;
        generation = await this.#generationAfter(generation);
        if (!isValid()) throw failure;
        transaction.rebase(generation);
      } finally {
        this.#isCommitting = false;
        if (this.#wasLost) this.#checkLoss();
      }
    }
  }

  async #encode(generation: number, encode: Change["encode"]): Promise<Transaction> {
    const batch = new Batch({ firstSequence: this.#lane.nextSequence, generation });
    await encode(batch);
    return batch.finish();
  }

  async #send(transaction: Transaction, about: string): Promise<void> {
    this.#ownPorts.add(this.#lane.portId);
    this.#isCommitting = true;
    let isGood = false;
    try {
      await this.#lane.commit(transaction, about);
      isGood = true;
    } finally {
      this.#called("commit", isGood);
    }
  }

  /** The generation of everything that has been heard of. */
  async #currentGeneration(): Promise<number> {
    await this.drain();
    if (this.#monitor.generation !== undefined) return this.#monitor.generation;
    const asked = this.reader.generation();
    await this.drain();
    return this.#monitor.generation ?? asked;
  }

  /**
   * The kernel has refused a generation. Where nothing newer was heard of, what told of it is lost: the loss itself was reported
   * before older notifications, which still waited.
   */
  async #generationAfter(refused: number): Promise<number> {
    const heard = await this.#currentGeneration();
    if (heard !== refused) return heard;
    this.#monitor.forget();
    this.#sink.touchedAll();
    return this.#currentGeneration();
  }

  #lost(reason: string): void {
    this.#log.debug("notifications of nf_tables were lost", { reason });
    this.#wasLost = true;
    if (!this.#isCommitting) this.#checkLoss();
  }

  /** Our own large transactions may fill the buffer too: where the ruleset is what we left, nothing was missed. */
  #checkLoss(): void {
    this.#wasLost = false;
    if (!this.#isAsWeLeftIt()) this.#sink.touchedAll();
  }

  #isAsWeLeftIt(): boolean {
    try {
      return this.reader.generation() === this.#ownGeneration;
    } catch (failure) {
      if (!(failure instanceof KernelError)) throw failure;
      this.#log.debug("the generation of the ruleset cannot be read", { reason: failure.message });
      return false;
    }
  }

  /** Idempotent. The kernel keeps everything. */
  close(): void {
    this.#monitor.close();
    this.#lane.close();
    this.reader.close();
  }
}

/** The kernel counts in 32 bits and leaves out 0. */
const following = (generation: number): number => (generation === 0xffffffff ? 1 : generation + 1);
