/** `lab check`, as tests read it. */
import assert from "node:assert/strict";
import { eventually } from "./eventually.ts";
import type { Testbed } from "./testbed.ts";

export interface Pair {
  readonly from: string;
  readonly to: string;
  readonly ok: boolean;
  readonly path: string;
  readonly reasons: readonly string[];
}

/** By pair of pod names: `pod1→pod3`. */
export async function matrix(bed: Testbed): Promise<ReadonlyMap<string, Pair>> {
  const { stdout } = await bed.ocicat("lab", "check", "-o", "json");
  const { pairs } = JSON.parse(stdout) as { pairs: readonly Pair[] };
  return new Map(pairs.map((pair) => [`${pair.from}→${pair.to}`, pair]));
}

/** Waits until every pair is carried as it should be; `no` for one that is not carried at all. */
export async function expectPaths(bed: Testbed, wanted: Readonly<Record<string, string>>): Promise<void> {
  await eventually(async () => {
    const pairs = await matrix(bed);
    const found = Object.keys(wanted).map((key) => {
      const pair = pairs.get(key);
      return [key, pair?.ok ? pair.path : `no${pair?.ok === false ? "" : " such pair"}`];
    });
    const reasons = [...pairs.values()].flatMap((pair) => pair.reasons).join("\n");
    assert.deepEqual(Object.fromEntries(found), wanted, reasons);
  }, 60_000);
}
