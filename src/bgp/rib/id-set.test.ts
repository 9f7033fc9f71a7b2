import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runs } from "../../testing/runs.ts";
import { IdSet } from "./id-set.ts";

/** On both sides of the ends of words and pages. */
const id = fc.constantFrom(0, 1, 31, 32, 63, 4095, 4096, 4127, 12_287, 12_288, 40_000);
const ids = fc.array(id, { maxLength: 12 });
const step = fc.oneof(
  fc.record({ do: fc.constantFrom("add" as const, "delete" as const), id }),
  fc.record({
    do: fc.constantFrom("addAll" as const, "deleteAll" as const, "common" as const, "without" as const),
    ids,
  }),
  fc.record({ do: fc.constant("shift" as const) }),
);

const setOf = (all: Iterable<number>): IdSet => {
  const set = new IdSet();
  for (const one of all) set.add(one);
  return set;
};

test("a set of ids does what a set of numbers does", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (history) => {
      let set = new IdSet();
      let plain = new Set<number>();
      for (const done of history) {
        if (done.do === "add") assert.equal(set.add(done.id), !plain.has(done.id));
        if (done.do === "delete") assert.equal(set.delete(done.id), plain.has(done.id));
        if (done.do === "shift") assert.equal(set.shift(), plain.size === 0 ? -1 : Math.min(...plain));
        if (done.do === "add") plain.add(done.id);
        if (done.do === "delete") plain.delete(done.id);
        if (done.do === "shift") plain.delete(Math.min(...plain));
        if (!("ids" in done)) continue;
        const other = setOf(done.ids);
        if (done.do === "addAll") set.addAll(other);
        if (done.do === "deleteAll") set.deleteAll(other);
        if (done.do === "common") set = set.common(other);
        if (done.do === "without") set = set.without(other);
        const others = new Set(done.ids);
        if (done.do === "addAll") plain = plain.union(others);
        if (done.do === "common") plain = plain.intersection(others);
        if (done.do === "deleteAll" || done.do === "without") plain = plain.difference(others);
      }
      const expected = [...plain].sort((a, b) => a - b);
      const walked: number[] = [];
      set.each((one) => walked.push(one));
      assert.deepEqual([[...set], walked, set.size], [expected, expected, expected.length]);
      for (const one of expected) assert.ok(set.has(one));
    }),
    { numRuns: runs(300) },
  );
});
