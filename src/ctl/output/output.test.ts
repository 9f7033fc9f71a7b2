import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json } from "../../base/json.ts";
import { parseYaml } from "../../resources/input/yaml.ts";
import { runs } from "../../testing/runs.ts";
import { fiveDigits, wholeNumber } from "./go-number.ts";
import { boxedTable, paddedTable } from "./table.ts";
import { compareKeys, formatYaml } from "./yaml-text.ts";

test("columns are padded as tabwriter does, the last one too", () => {
  assert.equal(
    paddedTable([
      ["NAME", "CIDR", "X"],
      ["p", "10.0.0.0/8", ""],
    ]),
    "NAME   CIDR         X    \np      10.0.0.0/8        \n",
  );
});

test("boxes are drawn as in Calico's documentation", () => {
  const text = boxedTable(
    ["GROUPING", "CIDR", "IPS TOTAL", "IPS IN USE", "IPS FREE"],
    [
      ["IP Pool", "10.65.0.0/16", "65536", "5 (0%)", "65531 (100%)"],
      ["IP Pool", "fd80:24e2:f998:72d6::/64", "1.8447e+19", "7 (0%)", "1.8447e+19 (100%)"],
    ],
  );
  assert.equal(
    text,
    `+----------+--------------------------+------------+------------+-------------------+
| GROUPING |           CIDR           | IPS TOTAL  | IPS IN USE |     IPS FREE      |
+----------+--------------------------+------------+------------+-------------------+
| IP Pool  | 10.65.0.0/16             |      65536 | 5 (0%)     | 65531 (100%)      |
| IP Pool  | fd80:24e2:f998:72d6::/64 | 1.8447e+19 | 7 (0%)     | 1.8447e+19 (100%) |
+----------+--------------------------+------------+------------+-------------------+
`,
  );
  assert.equal(boxedTable(["A"], []), "+---+\n| A |\n+---+\n+---+\n");
});

test("numbers are those of Go's formats", () => {
  const five: readonly (readonly [number, string])[] = [
    [0, "0"],
    [64, "64"],
    [65536, "65536"],
    [99999, "99999"],
    [100000, "1e+05"],
    [131072, "1.3107e+05"],
    [1048576, "1.0486e+06"],
    [2 ** 64, "1.8447e+19"],
  ];
  for (const [value, text] of five) assert.equal(fiveDigits(value), text);
  for (const [value, text] of [
    [12.5, "12"],
    [13.5, "14"],
    [99.6, "100"],
    [0.4, "0"],
  ] as const)
    assert.equal(wholeNumber(value), text);
});

test("YAML looks as go-yaml writes it", () => {
  const value: Json = {
    spec: {
      cidr: "10.0.0.0/8",
      nodeSelector: "!has(x)",
      allowedUses: ["Workload"],
      empty: [],
      on: "yes",
      list: [{ b: 1, a: "x: y" }],
    },
    kind: "IPPool",
    metadata: {
      creationTimestamp: "2026-01-01T00:00:00Z",
      resourceVersion: "7",
      labels: {},
      name: "",
      long: `${"a".repeat(60)} ${"b".repeat(60)}`,
    },
    big: 12345678901234567890n,
    star: "*",
    multi: "a\nb\n",
    none: null,
  };
  assert.equal(
    formatYaml(value),
    `big: 12345678901234567890
kind: IPPool
metadata:
  creationTimestamp: "2026-01-01T00:00:00Z"
  labels: {}
  long: ${"a".repeat(60)} ${"b".repeat(60)}
  name: ""
  resourceVersion: "7"
multi: |
  a
  b
none: null
spec:
  allowedUses:
  - Workload
  cidr: 10.0.0.0/8
  empty: []
  list:
  - a: 'x: y'
    b: 1
  nodeSelector: '!has(x)'
  "on": "yes"
star: '*'
`,
  );
});

test("keys are ordered as go-yaml orders them", () => {
  const ordered = ["1", "2", "10", "a1", "a2", "a10", "a.b", "aB", "ab", "abc"];
  const expected = ["1", "2", "10", "a.b", "a1", "a2", "a10", "aB", "ab", "abc"];
  assert.deepEqual([...ordered].reverse().sort(compareKeys), expected);
});

test("what is written as YAML reads back the same", () => {
  const json = fc.letrec<{ node: Json }>((tie) => ({
    node: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<Json>(
        null,
        true,
        false,
        0,
        -1,
        2 ** 40,
        "yes",
        "~",
        "0x1f",
        "1_000",
        "2026-01-01",
        "1:30",
        "<<",
        "=",
        "- a",
        "a #b",
        "\t",
        "",
        2n ** 70n,
      ),
      fc.string({ unit: "grapheme" }).filter((text) => !/[“”„‟‘’‚‛«»]/u.test(text)),
      fc.array(tie("node"), { maxLength: 4 }),
      fc.dictionary(
        fc.string({ unit: "grapheme-ascii", minLength: 1 }).filter((key) => key !== "__proto__"),
        tie("node"),
        { maxKeys: 4, noNullPrototype: true },
      ),
    ),
  })).node;
  fc.assert(
    fc.property(json, (value) => {
      const [document] = parseYaml(formatYaml({ value }), "f");
      assert.deepEqual(document?.value, { value });
    }),
    { numRuns: runs(200) },
  );
});
