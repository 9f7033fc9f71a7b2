/**
 * nf_tables tables of ours as one kind of item. Mark: the table's name; everything in it is ours, nothing outside it.
 * The table driver below computes the transaction; this one tells the reconciler what is there.
 */
import type { NftTableDriver } from "../../kernel/nftables/table-driver.ts";
import { planTable } from "../../netlink/nftables/plan.ts";
import { type NftTable, type TableKey, tableName } from "../../netlink/nftables/tree.ts";
import type { Log } from "../../port/log.ts";
import { KernelError } from "../../port/netlink.ts";
import type { Driver, DriverSink, Failure } from "../../reconcile/driver.ts";
import type { Op } from "../../reconcile/plan.ts";
import { itemOf } from "./deps.ts";

export interface TableDriverOptions {
  /** Tables that are ours whether they are wanted now or not. */
  readonly owned: readonly TableKey[];
  readonly log: Log;
}

export class TableDriver implements Driver<NftTable> {
  readonly name = "tables";
  readonly #tables: NftTableDriver;
  readonly #options: TableDriverOptions;
  /** By table, of the last apply. */
  readonly #differences = new Map<string, string>();
  #sink: DriverSink<NftTable> | undefined;

  constructor(tables: NftTableDriver, options: TableDriverOptions) {
    this.#tables = tables;
    this.#options = options;
  }

  async readOwned(): Promise<ReadonlyMap<string, NftTable>> {
    const found = new Map<string, NftTable>();
    for (const key of this.#options.owned) {
      const table = await this.#tables.read(key);
      if (table) found.set(tableName(key), table);
    }
    return found;
  }

  equal(desired: NftTable, actual: NftTable): boolean {
    return planTable(desired, actual).changes.length === 0;
  }

  async apply(ops: readonly Op<NftTable>[]): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    for (const op of ops) {
      const { family, name } = itemOf(op);
      try {
        const desired = op.op === "remove" ? undefined : op.value;
        const { differences } = await this.#tables.apply(desired, { family, name });
        this.#differences.set(op.key, `table ${op.key} whose ${differences.join(", ")}`);
        this.#options.log.debug("an nf_tables table was changed", { table: op.key, differences });
      } catch (failure) {
        if (!(failure instanceof KernelError)) throw failure;
        failures.push({ key: op.key, error: failure });
      }
    }
    return failures;
  }

  difference(key: string): string | undefined {
    return this.#differences.get(key);
  }

  watch(sink: DriverSink<NftTable>): void {
    this.#sink = sink;
    this.#tables.onChange((key) => {
      if (key) void this.#observe(key);
      else sink.resync("notifications of nf_tables were lost");
    });
  }

  async #observe(key: TableKey): Promise<void> {
    try {
      this.#sink?.observed(tableName(key), await this.#tables.read(key));
    } catch (failure) {
      if (!(failure instanceof KernelError)) throw failure;
      this.#sink?.resync(failure.message);
    }
  }

  close(): void {
    this.#sink = undefined;
    this.#tables.close();
  }
}
