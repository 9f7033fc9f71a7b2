import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRetention } from "./retention.ts";

test("retention is an age, a number, both or neither", () => {
  assert.deepEqual(parseRetention("90s"), { ageMs: 90_000, revisions: undefined });
  assert.deepEqual(parseRetention("1h,1000000"), { ageMs: 3_600_000, revisions: 1_000_000 });
  assert.deepEqual(parseRetention("500, 2d"), { ageMs: 172_800_000, revisions: 500 });
  assert.deepEqual(parseRetention("off"), { ageMs: undefined, revisions: undefined });
  for (const wrong of ["", "0", "1y", "h", "-1", "1h,", "1.5h", "on"]) assert.equal(parseRetention(wrong), undefined);
});
