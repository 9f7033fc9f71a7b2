import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runs } from "../../testing/runs.ts";
import { IdCounts } from "./id-counts.ts";
import { IdSet } from "./id-set.ts";

/** On both sides of the ends of words and pages. */
const IDS = [0, 1, 31, 32, 4095, 4096, 12_288, 40_000];
const step = fc.oneof(
  fc.record({ id: fc.constantFrom(...IDS), change: fc.integer({ min: -3, max: 3 }) }),
  fc.record({ ids: fc.array(fc.constantFrom(...IDS), { maxLength: 8 }) }),
);

test("counts are what was added to each id, one by one or all of a set", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (history) => {
      const counts = new IdCounts();
      const plain = new Map<number, number>();
      const add = (id: number, change: number): number => {
        const sum = (plain.get(id) ?? 0) + change;
        plain.set(id, sum);
        return sum;
      };
      for (const done of history) {
        if ("id" in done) assert.equal(counts.add(done.id, done.change), add(done.id, done.change));
        else {
          const set = new IdSet();
          for (const id of done.ids) if (set.add(id)) add(id, 1);
          counts.addAll(set);
        }
      }
      for (const id of IDS) assert.equal(counts.add(id, 0), plain.get(id) ?? 0, `${id}`);
    }),
    { numRuns: runs(300) },
  );
});
