import assert from "node:assert/strict";
import { test } from "node:test";
import { sequence, set } from "../../testing/bgp-values.ts";
import { asPathLength, formatAsPath, mergeAs4Path } from "./as-path.ts";
import type { AsPathSegment } from "./types.ts";

const confederation = (...asns: number[]): AsPathSegment => ({ kind: "confederationSequence", asns });
const TRANS = 23456;
const BIG = 4200000001;

const merges: readonly (readonly [what: string, as: AsPathSegment[], as4: AsPathSegment[], both: AsPathSegment[]])[] = [
  ["paths of one length", [sequence(1, TRANS)], [sequence(1, BIG)], [sequence(1, BIG)]],
  ["what was put before since", [sequence(7, 1, TRANS)], [sequence(1, BIG)], [sequence(7, 1, BIG)]],
  ["a set counts once", [sequence(7), set(1, 2, 3)], [set(1, 2, BIG)], [sequence(7), set(1, 2, BIG)]],
  ["a set before", [set(7, 8), sequence(TRANS)], [sequence(BIG)], [set(7, 8), sequence(BIG)]],
  ["a longer AS4_PATH is ignored", [sequence(TRANS)], [sequence(1, BIG)], [sequence(TRANS)]],
  [
    "leading confederation segments stay",
    [confederation(5), sequence(TRANS)],
    [sequence(BIG)],
    [confederation(5), sequence(BIG)],
  ],
  [
    "confederation segments behind what is put before stay",
    [sequence(7), confederation(5), sequence(TRANS)],
    [sequence(BIG)],
    [sequence(7), confederation(5), sequence(BIG)],
  ],
  [
    "confederation segments behind what AS4_PATH knows go",
    [sequence(7, TRANS), confederation(5)],
    [sequence(BIG)],
    [sequence(7, BIG)],
  ],
  [
    "confederation segments in AS4_PATH do not count",
    [sequence(7, TRANS)],
    [confederation(5), sequence(BIG)],
    [sequence(7, BIG)],
  ],
];

for (const [what, asPath, as4Path, both] of merges) {
  test(`AS_PATH with AS4_PATH: ${what} (RFC 6793 section 4.2.3)`, () => {
    assert.deepEqual(mergeAs4Path(asPath, as4Path), both);
  });
}

test("a path's length counts a set once and confederations not at all", () => {
  assert.equal(asPathLength([sequence(1, 2), set(3, 4, 5), confederation(6)]), 3);
});

test("a path is printed as BIRD prints it", () => {
  const path = [confederation(64512), sequence(1, 2), set(3, 4), { kind: "confederationSet", asns: [5] } as const];
  assert.equal(formatAsPath(path), "(64512) 1 2 {3 4} [5]");
});
