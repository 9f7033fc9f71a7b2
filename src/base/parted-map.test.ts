import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PartedMap } from "./parted-map.ts";

const step = fc.record({ key: fc.integer({ min: -40, max: 40 }), value: fc.option(fc.nat(9), { nil: undefined }) });

test("a map in parts does what a map does, however keys fall into parts", () => {
  const hashes = fc.constantFrom(
    (key: number) => key,
    () => -1,
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), hashes, (history, hashOf) => {
      const map = new PartedMap<number, number>(hashOf);
      const plain = new Map<number, number>();
      for (const { key, value } of history) {
        if (value === undefined) {
          map.delete(key);
          plain.delete(key);
        } else {
          map.set(key, value);
          plain.set(key, value);
        }
        assert.equal(map.get(key), plain.get(key));
      }
      assert.equal(map.size, plain.size);
      assert.deepEqual([...map.values()].sort(), [...plain.values()].sort());
    }),
  );
});
