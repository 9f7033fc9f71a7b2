import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "./nearest.ts";

test("a slip of the fingers is near: a letter wrong, missing, doubled, or two of them swapped", () => {
  const known = ["ippool", "node", "verify", "workloadendpoints"];
  for (const typed of ["ipool", "ippoll", "IPPOLO", "ippopl"]) assert.equal(nearest(typed, known), "ippool", typed);
  assert.equal(nearest("ndoe", known), "node");
  assert.equal(nearest("vreify", known), "verify");
  assert.equal(nearest("worklodendpoint", known), "workloadendpoints", "long words may have two");
  assert.equal(nearest("nodes", ["node", "nodes"]), "nodes", "the nearest of several");
});

test("a word of which a third is different is another word", () => {
  for (const typed of ["pods", "noodles", "secrets", "varify2"])
    assert.equal(nearest(typed, ["pool", "node", "verify", "ipsets"]), undefined, typed);
});
