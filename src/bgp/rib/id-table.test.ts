import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runs } from "../../testing/runs.ts";
import { IdTable } from "./id-table.ts";

/** On both sides of the ends of pages, and a page away. */
const IDS = [0, 1, 1023, 1024, 2047, 3072, 40_000];
const step = fc.record({
  id: fc.constantFrom(...IDS),
  value: fc.option(fc.nat(9), { nil: undefined }),
  /** Which of the tables, and whether it is copied first. */
  of: fc.nat(),
  copies: fc.boolean(),
});

test("a table and its copies keep what is written to each", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (history) => {
      const all = [{ table: new IdTable<number>(), plain: new Map<number, number | undefined>() }];
      for (const { id, value, of, copies } of history) {
        const one = all[of % all.length] ?? assert.fail();
        if (copies) all.push({ table: one.table.copy(), plain: new Map(one.plain) });
        one.table.set(id, value);
        one.plain.set(id, value);
      }
      for (const { table, plain } of all) for (const id of IDS) assert.equal(table.get(id), plain.get(id), `${id}`);
    }),
    { numRuns: runs(300) },
  );
});
