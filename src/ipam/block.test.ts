import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatJson, type JsonObject, parseJson } from "../base/json.ts";
import { parseAddress } from "../ip/address.ts";
import { formatPrefix, parsePrefix } from "../ip/prefix.ts";
import {
  assignNext,
  assignOrdinal,
  type Block,
  freeCount,
  type Holder,
  holderAt,
  isEmpty,
  newBlock,
  ordinalsOf,
  releaseOrdinals,
} from "./block.ts";
import { readBlock, writeBlock } from "./block-codec.ts";

const NOTHING = (): boolean => false;
const holder = (handleId: string, attributes: Record<string, string> = {}): Holder => ({
  handleId,
  attributes,
  others: {},
});
const fresh = (cidr = "10.0.0.0/29"): Block => newBlock(parsePrefix(cidr), "host:a", "2026-01-02T03:04:05Z", 1n << 60n);

/** Invariants 1 and 2 of Calico's blocks: each ordinal free or held, never both; each holder in use. */
function assertSound(block: Block): void {
  const free = new Set(block.unallocated);
  assert.equal(free.size, block.unallocated.length, "an ordinal is queued twice");
  block.allocations.forEach((index, ordinal) => {
    assert.equal(index === null, free.has(ordinal), `ordinal ${ordinal}`);
    assert.equal(index !== null, block.sequenceByOrdinal.has(ordinal), `sequence of ${ordinal}`);
  });
  assert.deepEqual(
    [...new Set(block.allocations)].filter((index) => index !== null).sort(),
    block.holders.map((_, index) => index),
  );
}

test("addresses come from the head of the queue and go back to its tail", () => {
  const first = assignNext(fresh(), 2, holder("x"), NOTHING);
  assert.deepEqual(first.addresses.map(formatPrefix), ["10.0.0.0/29", "10.0.0.1/29"]);
  const released = releaseOrdinals(first.block, [0]);
  assert.deepEqual(released.unallocated, [2, 3, 4, 5, 6, 7, 0]);
  const second = assignNext(released, 1, holder("y"), NOTHING);
  assert.deepEqual(second.addresses.map(formatPrefix), ["10.0.0.2/29"]);
});

test("reserved addresses are passed over and keep their place", () => {
  const reserved = (address: unknown): boolean => address === parseAddress("10.0.0.0");
  const { block, addresses } = assignNext(fresh(), 1, holder("x"), reserved);
  assert.deepEqual(addresses.map(formatPrefix), ["10.0.0.1/29"]);
  assert.deepEqual(block.unallocated, [0, 2, 3, 4, 5, 6, 7]);
  assert.equal(freeCount(block, reserved), 6);
});

test("equal holders are stored once and go with their last address", () => {
  let block = assignNext(fresh(), 1, holder("x", { pod: "p" }), NOTHING).block;
  block = assignNext(block, 1, holder("y"), NOTHING).block;
  block = assignNext(block, 1, holder("x", { pod: "p" }), NOTHING).block;
  assert.equal(block.holders.length, 2);
  block = releaseOrdinals(block, [0]);
  assert.equal(block.holders.length, 2);
  block = releaseOrdinals(block, [2]);
  assert.deepEqual(block.holders, [holder("y")]);
  assert.deepEqual(ordinalsOf(block, "y"), [1]);
  assertSound(block);
});

test("an address that is held cannot be taken by name", () => {
  const taken = assignOrdinal(fresh(), 3, holder("x"));
  assert.ok(taken);
  assert.equal(assignOrdinal(taken.block, 3, holder("y")), undefined);
  assert.equal(holderAt(taken.block, 3)?.handleId, "x");
});

test("any sequence of assignments and releases keeps a block sound and its sequence number growing", () => {
  const step = fc.oneof(
    fc.record({ assign: fc.integer({ min: 0, max: 5 }), handle: fc.constantFrom("a", "b", "c") }),
    fc.record({ release: fc.array(fc.integer({ min: 0, max: 7 })) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let block = fresh();
      for (const action of steps) {
        const before = block;
        if ("assign" in action) block = assignNext(block, action.assign, holder(action.handle), NOTHING).block;
        else block = releaseOrdinals(block, action.release);
        assertSound(block);
        assert.ok(block === before || block.sequenceNumber > before.sequenceNumber);
        assert.deepEqual(readBlock(parseJson(formatJson(writeBlock(block))) as JsonObject), block);
      }
      const emptied = releaseOrdinals(block, [0, 1, 2, 3, 4, 5, 6, 7]);
      assert.ok(isEmpty(emptied));
      assert.deepEqual(emptied.holders, []);
    }),
  );
});

test("a block written by Calico is read, and what is not ours in it survives", () => {
  const text =
    '{"cidr":"10.0.0.0/30","affinity":"host:n1","affinity_claim_time":"2026-01-02T03:04:05Z","strictAffinity":false,' +
    '"allocations":[0,null,null,0],"unallocated":[1,2],"attributes":[{"handle_id":"k8s-pod-network.c1\\r\\n","secondary":' +
    '{"node":"n1","pod":"web"},"alternateOwnerAttrs":{"pod":"next"}}],"sequenceNumber":1767323045000000123,' +
    '"sequenceNumberForAllocation":{"0":1767323045000000001,"3":1767323045000000002},"deleted":false,"later":{"x":1}}';
  const block = readBlock(parseJson(text) as JsonObject);
  assert.equal(block.sequenceNumber, 1767323045000000123n);
  assert.deepEqual(ordinalsOf(block, "k8s-pod-network.c1"), [0, 3]);
  const again = writeBlock(block);
  assert.deepEqual(again["later"], { x: 1 });
  assert.equal(again["strictAffinity"], false);
  assert.match(formatJson(again), /"sequenceNumber":1767323045000000123,/);
  assert.match(formatJson(again), /"alternateOwnerAttrs":\{"pod":"next"\}/);
});

test("the legacy field hostAffinity counts as the host's affinity", () => {
  const { affinity: _affinity, ...old } = writeBlock(fresh());
  assert.equal(readBlock({ ...old, hostAffinity: "n9" }).affinity, "host:n9");
});

test("damaged blocks are refused with the field named", () => {
  const good = writeBlock(assignNext(fresh(), 1, holder("x"), NOTHING).block);
  const damages: [JsonObject, RegExp][] = [
    [{ ...good, cidr: "10.0.0.1/29" }, /cidr/],
    [{ ...good, cidr: "10.0.0.0/8" }, /cidr is too wide/],
    [{ ...good, allocations: [0] }, /allocations has not 8 entries/],
    [{ ...good, allocations: [7, null, null, null, null, null, null, null] }, /allocations names no attribute/],
    [{ ...good, unallocated: [0, 1] }, /unallocated lists 0/],
    [{ ...good, unallocated: [1, 1] }, /unallocated lists 1/],
    [{ ...good, attributes: [3] }, /attributes/],
    [{ ...good, affinity: 3 }, /affinity/],
  ];
  for (const [value, message] of damages) assert.throws(() => readBlock(value), { code: "badRecord", message });
});
