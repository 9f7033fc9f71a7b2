import assert from "node:assert/strict";
import { test } from "node:test";
import { npmAbove } from "./npm-above.ts";

const tree: Readonly<Record<number, string>> = {
  90: "90 (node) S 80 90 1 0",
  80: "80 (sh) S 70 70 1 0",
  70: "70 (npm start --che) S 60 70 1 0",
  60: "60 (bash (old) S 1) S 1 60 1 0",
};

test("npm is found above the shells that it started, and only there", () => {
  assert.equal(
    npmAbove(80, (pid) => tree[pid]),
    70,
  );
  assert.equal(
    npmAbove(60, (pid) => tree[pid]),
    undefined,
  );
  assert.equal(
    npmAbove(80, () => undefined),
    undefined,
  );
});
