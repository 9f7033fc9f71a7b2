/**
 * Compiled against actual on one node: reads the kernel anew and names every difference with its provenance. Differences
 * that a pass in progress explains are gone when looked at again, and are not reported.
 */
import { describe, type ItemKind, type Items, order } from "../compile/items.ts";
import { explain, type Story } from "../compile/provenance.ts";
import type { View } from "../compile/view.ts";
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Drivers } from "../dataplane/item-tables.ts";
import type { Clock } from "../port/clock.ts";
import type { Driver } from "../reconcile/driver.ts";

export interface Difference {
  readonly kind: ItemKind;
  readonly key: string;
  readonly found: "missing" | "different" | "unexpected";
  /** What shall be, in words. */
  readonly desired?: string;
  /** What is, in words. */
  readonly actual?: string;
  /** Why it could not be set, where the kernel said so. */
  readonly failure?: string;
  readonly provenance?: Story;
}

export interface Verification {
  readonly node: string;
  /** Items compared, of all kinds. */
  readonly compared: number;
  readonly differences: readonly Difference[];
  /** Where packets may be lost although all is as compiled, in words. */
  readonly dangers: readonly string[];
  /** What compile could not turn into items, in words. */
  readonly reports: readonly string[];
}

const nothingElse = { dangers: [], reports: [] };

/** Looked at in one turn: some microseconds each. */
export const SLICE = 1_000;

/** `bgp`: what was found there beside routes. Rejects with NotOpenError where nothing is applied yet. */
export async function verify(
  dataplane: Dataplane,
  drivers: Drivers,
  view: View,
  clock: Pick<Clock, "yield">,
  bgp: () => Promise<Pick<Verification, "dangers" | "reports">> = async () => nothingElse,
): Promise<Verification> {
  await dataplane.applied();
  let { compared, differences } = await compare(dataplane, drivers, view, clock);
  if (differences.length > 0) {
    await dataplane.applied();
    const before = new Set(differences.map(identity));
    const again = await compare(dataplane, drivers, view, clock);
    compared = again.compared;
    differences = again.differences.filter((difference) => before.has(identity(difference)));
  }
  const { dangers, reports } = await bgp();
  const notes = new Set([...[...dataplane.reports.values()].flat(), ...reports]);
  return { node: view.local.node, compared, differences, dangers, reports: [...notes] };
}

const identity = ({ kind, key, found }: Difference): string => `${kind} ${key} ${found}`;

async function compare(dataplane: Dataplane, drivers: Drivers, view: View, clock: Pick<Clock, "yield">) {
  let compared = 0;
  const differences: Difference[] = [];
  for (const kind of order) {
    const driver = drivers[kind] as Driver<Items[typeof kind]>;
    const result = await compareKind(kind, { dataplane, driver, view, clock });
    compared += result.compared;
    differences.push(...result.differences);
  }
  return { compared, differences };
}

interface Ends<K extends ItemKind> {
  readonly dataplane: Dataplane;
  readonly driver: Driver<Items[K]>;
  readonly view: View;
  readonly clock: Pick<Clock, "yield">;
}

async function compareKind<K extends ItemKind>(kind: K, { dataplane, driver, view, clock }: Ends<K>) {
  const actual = new Map(await driver.readOwned());
  const failures = new Map(dataplane.failures(kind).map(({ key, error }) => [key, error.message]));
  const differences: Difference[] = [];
  let compared = 0;
  for (const { key, value, source } of dataplane.desired(kind)) {
    if (++compared % SLICE === 0) await clock.yield();
    const there = actual.get(key);
    actual.delete(key);
    if (there !== undefined && driver.equal(value, there)) continue;
    const failure = failures.get(key);
    differences.push({
      kind,
      key,
      found: there === undefined ? "missing" : "different",
      desired: describe[kind](value),
      ...(there === undefined ? {} : { actual: describe[kind](there) }),
      ...(failure === undefined ? {} : { failure }),
      provenance: explain(source, view),
    });
  }
  for (const [key, there] of actual) {
    compared++;
    differences.push({ kind, key, found: "unexpected", actual: describe[kind](there) });
  }
  return { compared, differences };
}
