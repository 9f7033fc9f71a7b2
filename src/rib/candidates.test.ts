import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Candidates } from "./candidates.ts";

const step = fc.record({
  source: fc.constantFrom("a", "b", "c"),
  wanted: fc.uniqueArray(fc.record({ key: fc.constantFrom("x", "y", "z"), value: fc.nat(3), preference: fc.nat(2) }), {
    selector: ({ key }) => key,
    maxLength: 3,
  }),
});

test("the winner depends on who wants what, not on the order in which they came", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (history) => {
      const candidates = new Candidates<number>();
      const last = new Map<string, (typeof history)[number]["wanted"]>();
      const seen = new Map<string, number | undefined>();
      for (const { source, wanted } of history) {
        const before = new Map(["x", "y", "z"].map((key) => [key, candidates.get(key)]));
        const changed = new Set<string>();
        const isOther = candidates.set(source, wanted, (key) => changed.add(key));
        last.set(source, wanted);
        for (const [key, was] of before)
          if (candidates.get(key) !== was) assert.ok(changed.has(key), `${key} changed silently`);
        assert.equal(
          isOther,
          [...before].some(([key, was]) => candidates.get(key) !== was),
        );
      }
      for (const key of ["x", "y", "z"]) {
        const model = [...last]
          .flatMap(([source, wanted]) => wanted.filter((one) => one.key === key).map((one) => ({ source, ...one })))
          .sort((p, q) => p.preference - q.preference || (p.source < q.source ? -1 : 1))[0];
        seen.set(key, model?.value);
        assert.equal(candidates.get(key), model?.value);
        assert.equal(candidates.sourceOf(key), model?.source);
      }
      assert.equal(candidates.size, [...seen.values()].filter((value) => value !== undefined).length);
    }),
  );
});
