import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runs } from "../../testing/runs.ts";
import { boxed, type Column, fittedTable, padded } from "./fitted-table.ts";

type Row = readonly string[];

const column = (heading: string, at: number, over: Partial<Column<Row>> = {}): Column<Row> => ({
  heading,
  cell: (row) => row[at] ?? "",
  ...over,
});

const routes = [
  column("PREFIX", 0),
  column("NEXT HOP", 1),
  column("ATTRIBUTES", 2, { isWide: true }),
  column("USE", 3),
];
const rows: readonly Row[] = [
  ["10.0.0.0/26", "10.0.0.1", "ORIGIN igp, NEXT_HOP 10.0.0.1, LOCAL_PREF 100", "best"],
  ["10.0.0.64/26", "", "", "no route to the next hop"],
];
const wide = (room?: number) => fittedTable(padded, routes, rows, { isWide: true, room });

test("a table that fits is as it is without a terminal", () => {
  const text = `PREFIX         NEXT HOP   ATTRIBUTES                                      USE
10.0.0.0/26    10.0.0.1   ORIGIN igp, NEXT_HOP 10.0.0.1, LOCAL_PREF 100   best
10.0.0.64/26                                                              no route to the next hop
`;
  assert.equal(wide(), text);
  assert.equal(wide(98), text);
  assert.notEqual(wide(97), text);
});

test("where it is too wide the widest cells are broken between words", () => {
  assert.equal(
    wide(80),
    `PREFIX         NEXT HOP   ATTRIBUTES                 USE
10.0.0.0/26    10.0.0.1   ORIGIN igp, NEXT_HOP       best
                          10.0.0.1, LOCAL_PREF 100
10.0.0.64/26                                         no route to the next hop
`,
  );
});

test("columns that have no room go below their row, wide ones first, then the last", () => {
  assert.equal(
    wide(68),
    `PREFIX         NEXT HOP   USE
10.0.0.0/26    10.0.0.1   best
   ATTRIBUTES: ORIGIN igp, NEXT_HOP 10.0.0.1, LOCAL_PREF 100
10.0.0.64/26              no route to the next hop
`,
  );
  assert.equal(
    wide(40),
    `PREFIX         NEXT HOP
10.0.0.0/26    10.0.0.1
   ATTRIBUTES: ORIGIN igp, NEXT_HOP
   10.0.0.1, LOCAL_PREF 100; USE: best
10.0.0.64/26
   USE: no route to the next hop
`,
  );
});

test("in hardly any room the first column is left, and words stay whole", () => {
  assert.equal(
    wide(1),
    `PREFIX
10.0.0.0/26
   NEXT HOP: 10.0.0.1;
   ATTRIBUTES: ORIGIN
   igp,
   NEXT_HOP
   10.0.0.1,
   LOCAL_PREF
   100;
   USE: best
10.0.0.64/26
   USE: no
   route
   to
   the
   next
   hop
`,
  );
});

test("a box keeps its frame, and numbers to the left", () => {
  const peers = [column("PEER", 0), column("AS", 1), column("INFO", 2)];
  const down = [
    ["10.0.0.1", "1", "Active nobody listens there"],
    ["10.0.0.2", "64512", "Established"],
  ];
  const box = (room: number) => fittedTable(boxed, peers, down, { room });
  assert.equal(
    box(45),
    `+----------+-------+-----------------------+
|   PEER   |  AS   |         INFO          |
+----------+-------+-----------------------+
| 10.0.0.1 | 1     | Active nobody listens |
|          |       | there                 |
| 10.0.0.2 | 64512 | Established           |
+----------+-------+-----------------------+
`,
  );
  assert.equal(
    box(30),
    `+----------+-------+
|   PEER   |  AS   |
+----------+-------+
| 10.0.0.1 | 1     |
   INFO: Active nobody listens
   there
| 10.0.0.2 | 64512 |
   INFO: Established
+----------+-------+
`,
  );
});

test("characters of two code units count once", () => {
  const faces = "😀😀😀😀 😀😀😀😀 😀😀😀😀 😀😀😀😀 😀😀😀😀";
  const shown = (room: number) => fittedTable(padded, [column("A", 0), column("B", 1)], [["x", faces]], { room });
  assert.equal(shown(29), `A    B\nx    ${faces}\n`);
  assert.equal(shown(28), `A    B\nx    😀😀😀😀 😀😀😀😀 😀😀😀😀 😀😀😀😀\n     😀😀😀😀\n`);
});

test("no line is wider than the terminal, and no word is lost", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "é", "😀"), minLength: 1, maxLength: 6 });
  const cell = fc.array(word, { maxLength: 12 }).map((words) => words.join(" "));
  const made = fc.record({
    style: fc.constantFrom(padded, boxed),
    columns: fc.array(fc.tuple(word, fc.boolean()), { minLength: 1, maxLength: 6 }),
    rows: fc.array(fc.array(cell, { minLength: 6, maxLength: 6 }), { minLength: 1, maxLength: 5 }),
    // A first column, or below it a heading and a word of its cell, have room.
    room: fc.integer({ min: 40, max: 300 }),
  });
  fc.assert(
    fc.property(made, ({ style, columns, rows: all, room }) => {
      const shown = columns.map(([heading, isWide], at) => column(heading, at, isWide ? { isWide } : {}));
      const whole = fittedTable(style, shown, all, { isWide: true });
      const text = fittedTable(style, shown, all, { isWide: true, room });
      const width = (lines: string) => Math.max(...lines.split("\n").map((line) => [...line].length));
      assert.ok(width(text) <= room, text);
      if (width(whole) <= room) assert.equal(text, whole);
      const words = (some: string) => some.split(/[^abé😀]+/u).filter((part) => part !== "");
      const cells = all.flatMap((row) => words(row.slice(0, columns.length).join(" ")));
      const counted = Map.groupBy(words(text), (part) => part);
      for (const [part, times] of Map.groupBy(cells, (each) => each))
        assert.ok((counted.get(part)?.length ?? 0) >= times.length, `${part}\n${text}`);
    }),
    { numRuns: runs(200) },
  );
});
