/**
 * Base chains of others, kept current: one list at the start, and another when somebody has made, changed or removed a
 * chain that matters. Bursts (Docker's start, a reload of a firewall) are listed once; nothing is polled.
 */
import { type ForeignBaseChain, forwardDrops } from "../../netlink/nftables/foreign-chain.ts";
import type { DecodedChain } from "../../netlink/nftables/object-decoder.ts";
import { type TableKey, tableName } from "../../netlink/nftables/tree.ts";
import type { Clock, Timer } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";
import { KernelError } from "../../port/netlink.ts";
import type { NftTableDriver } from "./table-driver.ts";

/** Changes within this time are listed together. */
const SETTLE_MS = 200;
/** A list that failed is tried again after this. */
const RETRY_MS = 10_000;

export interface ForeignChainWatchDeps {
  /** Tables that are ours. */
  readonly ours: readonly TableKey[];
  readonly clock: Clock;
  readonly log: Log;
}

export class ForeignChainWatch {
  readonly #tables: Pick<NftTableDriver, "foreignBaseChains" | "onForeignChain">;
  readonly #deps: ForeignChainWatchDeps;
  readonly #own: ReadonlySet<string>;
  readonly #listeners: (() => void)[] = [];
  #drops: readonly ForeignBaseChain[] = [];
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(tables: Pick<NftTableDriver, "foreignBaseChains" | "onForeignChain">, deps: ForeignChainWatchDeps) {
    this.#tables = tables;
    this.#deps = deps;
    this.#own = new Set(deps.ours.map(tableName));
  }

  /** Listens and reads. A list that fails is logged and tried again. */
  async start(): Promise<void> {
    this.#tables.onForeignChain((chain) => {
      if (!chain || this.#matters(chain)) this.#readAfter(SETTLE_MS);
    });
    await this.#read();
  }

  /** Chains that drop what is forwarded unless a rule of theirs accepts it. */
  get forwardDrops(): readonly ForeignBaseChain[] {
    return this.#drops;
  }

  /** Calls when the facts have changed. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** kube-proxy makes and removes thousands of chains; only base chains count, and names beside a drop, which tell its owner. */
  #matters({ family, table, base }: DecodedChain): boolean {
    if (!family || this.#own.has(tableName({ family, name: table }))) return false;
    return base !== undefined || this.#drops.some((drop) => drop.family === family && drop.table === table);
  }

  #readAfter(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#deps.clock.after(delayMs, () => {
      this.#timer = undefined;
      void this.#read();
    });
  }

  async #read(): Promise<void> {
    const { ours, log } = this.#deps;
    try {
      const drops = forwardDrops(await this.#tables.foreignBaseChains(ours));
      if (this.#isClosed || JSON.stringify(drops) === JSON.stringify(this.#drops)) return;
      this.#drops = drops;
    } catch (failure) {
      if (!(failure instanceof KernelError)) throw failure;
      if (this.#isClosed) return;
      log.warn("the chains of others cannot be listed, will be tried again", {}, failure);
      this.#readAfter(RETRY_MS);
      return;
    }
    for (const listener of this.#listeners) listener();
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }
}
