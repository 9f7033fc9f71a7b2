import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runs } from "../../testing/runs.ts";
import { KeyPrints } from "./key-prints.ts";

test("it knows what a set of strings knows, whatever is added and removed", () => {
  const key = fc.nat(2_000).map((number) => `254 10.${number >> 8}.${number & 255}.0/24 0`);
  const steps = fc.array(fc.tuple(fc.constantFrom("add", "add", "delete"), key), { maxLength: 3_000, size: "max" });
  fc.assert(
    fc.property(steps, (history) => {
      const prints = new KeyPrints();
      const keys = new Set<string>();
      for (const [what, text] of history) {
        if (what === "add") {
          prints.add(text);
          keys.add(text);
        } else {
          prints.delete(text);
          keys.delete(text);
        }
      }
      assert.equal(prints.size, keys.size);
      for (const [, text] of history) assert.equal(prints.has(text), keys.has(text));
    }),
    { numRuns: runs(50) },
  );
});

test("a hundred thousand keys are told apart, one pair or so excepted", () => {
  const prints = new KeyPrints();
  const key = (index: number): string => `254 10.${index >> 10}.${(index >> 2) & 255}.${(index & 3) * 64}/26 0`;
  for (let index = 0; index < 100_000; index++) prints.add(key(index));
  assert.ok(prints.size >= 99_990, `${prints.size} prints`);
  for (let index = 0; index < 100_000; index++) assert.ok(prints.has(key(index)));
  let wrong = 0;
  for (let index = 100_000; index < 200_000; index++) if (prints.has(key(index))) wrong++;
  assert.ok(wrong < 30, `${wrong} strangers were taken for known`);
  prints.clear();
  assert.equal(prints.has(key(0)), false);
});
