import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runs } from "../testing/runs.ts";
import { InterestIndex } from "./interest-index.ts";
import { contains, keyRange } from "./key-range.ts";

const octetText = (maxLength: number) =>
  fc.array(fc.constantFrom("\0", "a", "b", "\u00ff"), { maxLength }).map((octets) => octets.join(""));

test("exactly those are told of a key whose range has it, also after others have gone", () => {
  const range = fc
    .tuple(octetText(3), fc.oneof(fc.constant("\0"), octetText(3)))
    .map(([key, end]) => keyRange(key, end));
  const party = fc.record({ range, goes: fc.boolean() });
  fc.assert(
    fc.property(fc.array(party, { maxLength: 20 }), fc.array(octetText(4), { maxLength: 20 }), (parties, keys) => {
      const index = new InterestIndex<(typeof parties)[number]>();
      for (const one of parties) index.add(one.range, one);
      for (const one of parties) if (one.goes) index.remove(one.range, one);
      for (const key of keys.filter((text) => text !== "")) {
        const told = new Set<(typeof parties)[number]>();
        index.forEach(key, (one) => {
          assert.ok(!told.has(one), "once");
          told.add(one);
        });
        assert.deepEqual(told, new Set(parties.filter((one) => !one.goes && contains(one.range, key))));
      }
    }),
    { numRuns: runs(200) },
  );
});
