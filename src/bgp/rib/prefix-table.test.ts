import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ipv4Of, ipv6Of } from "../../ip/address.ts";
import { type PrefixCode, prefixCode } from "../../ip/prefix-code.ts";
import { IdQueue } from "./id-queue.ts";
import { IdSet } from "./id-set.ts";
import { PrefixTable } from "./prefix-table.ts";

const prefix = fc.oneof(
  fc
    .tuple(fc.nat(40), fc.constantFrom(0, 24, 32))
    .map(([at, length]) => prefixCode({ address: ipv4Of(at * 0x0611_0000), length })),
  fc.nat(5).map((at) => prefixCode({ address: ipv6Of(BigInt(at) << 64n), length: 64 })),
);

test("a prefix has one id as long as somebody holds it", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), prefix), { maxLength: 300, size: "max" }), (steps) => {
      const table = new PrefixTable();
      const held = new Map<PrefixCode, { id: number; holds: number }>();
      for (const [isHold, code] of steps) {
        const known = held.get(code);
        if (isHold) {
          const id = table.hold(code);
          if (known) assert.equal(id, known.id);
          held.set(code, { id, holds: (known?.holds ?? 0) + 1 });
        } else if (known) {
          table.release(known.id);
          if (--known.holds === 0) held.delete(code);
        }
        assert.equal(table.idOf(code), held.get(code)?.id ?? -1);
      }
      assert.equal(table.size, held.size);
      assert.equal(new Set([...held.values()].map(({ id }) => id)).size, held.size, "ids are not shared");
      for (const [code, { id }] of held) {
        assert.equal(table.prefixOf(id), code);
        assert.equal(table.idOf(code), id);
      }
    }),
    { numRuns: 300 },
  );
});

test("a table that many prefixes passed through finds those that are there", () => {
  const table = new PrefixTable();
  const codes = Array.from({ length: 40_000 }, (_, at) => prefixCode({ address: ipv4Of(at * 64 * 977), length: 26 }));
  const ids = codes.map((code) => table.hold(code));
  for (const [at, id] of ids.entries()) if (at % 10 !== 0) table.release(id);
  for (let round = 0; round < 3; round++) for (const code of codes.slice(1, 9)) table.release(table.hold(code));
  for (const [at, code] of codes.entries()) assert.equal(table.idOf(code), at % 10 === 0 ? ids[at] : -1);
  assert.equal(table.bound, 40_000, "ids are given again");
});

const ids = fc.oneof(fc.nat(70), fc.nat(20_000));
const setStep = fc.oneof(
  fc.record({ do: fc.constantFrom("add" as const, "delete" as const), id: ids }),
  fc.record({ do: fc.constantFrom("shift" as const, "addAll" as const, "clear" as const), id: ids }),
);

test("a set of ids is a set, in ascending order", () => {
  fc.assert(
    fc.property(
      fc.array(setStep, { maxLength: 200, size: "max" }),
      fc.uniqueArray(ids, { maxLength: 20 }),
      (steps, others) => {
        const set = new IdSet();
        const model = new Set<number>();
        const other = new IdSet();
        for (const id of others) other.add(id);
        for (const { do: what, id } of steps) {
          if (what === "add") {
            assert.equal(set.add(id), !model.has(id));
            model.add(id);
          } else if (what === "delete") assert.equal(set.delete(id), model.delete(id));
          else if (what === "shift") {
            const least = model.size === 0 ? -1 : Math.min(...model);
            assert.equal(set.shift(), least);
            model.delete(least);
          } else if (what === "addAll" && id % 4 === 0) {
            set.addAll(other);
            for (const one of others) model.add(one);
          } else if (what === "clear" && id % 8 === 0) {
            set.clear();
            model.clear();
          }
          assert.equal(set.size, model.size);
          assert.equal(set.has(id), model.has(id));
        }
        assert.deepEqual(
          [...set],
          [...model].sort((a, b) => a - b),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test("a queue keeps the order of first mention, also when so many are taken that it is cut", () => {
  const queue = new IdQueue();
  for (let id = 0; id < 70_000; id++) assert.ok(queue.push(id));
  assert.ok(!queue.push(3), "it waits already");
  for (let id = 0; id < 66_000; id++) assert.equal(queue.shift(), id);
  assert.ok(queue.push(3));
  assert.equal(queue.size, 4001);
  for (let id = 66_000; id < 70_000; id++) assert.equal(queue.shift(), id);
  assert.equal(queue.shift(), 3);
  assert.equal(queue.shift(), -1);
});
