import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runs } from "../testing/runs.ts";
import { selectorMatcher } from "./matcher.ts";
import { parseSelector, SelectorError } from "./parse.ts";
import { evaluate, format, type Labels, type Selector } from "./selector.ts";

/** Text, canonical text. */
const canonical: readonly (readonly [string, string])[] = [
  ["", "all()"],
  [" \t", "all()"],
  ["all( )", "all()"],
  ["global()", "global()"],
  ["has( a/b )", "has(a/b)"],
  ["a=='b'", 'a == "b"'],
  [`a == 'say "x"'`, `a == 'say "x"'`],
  ["a != 'b'", 'a != "b"'],
  ["a in {'z', 'b','z',}", 'a in {"b", "z"}'],
  ["a in{}", "a in {}"],
  ["a notin {'b'}", 'a not in {"b"}'],
  ["a not  in {'b'}", 'a not in {"b"}'],
  ["a contains 'b'", 'a contains "b"'],
  ["a startswith 'b'", 'a starts with "b"'],
  ["a ends with 'b'", 'a ends with "b"'],
  ["!!a == 'b'", 'a == "b"'],
  ["! ! !has(a)", "!has(a)"],
  ["!(!has(a))", "!!has(a)"],
  ["has(a) && has(b) && has(c)", "(has(a) && has(b) && has(c))"],
  ["has(a) || has(b) && !has(c)", "(has(a) || (has(b) && !has(c)))"],
  ["(has(a) || has(b)) && has(c)", "((has(a) || has(b)) && has(c))"],
  ["in in {'in'}", 'in in {"in"}'],
  ["contains contains 'x'", 'contains contains "x"'],
  ["not == 'x' && all == 'y'", '(not == "x" && all == "y")'],
  ["has == 'x'", 'has == "x"'],
];

test("selectors have the canonical texts that Calico gives them", () => {
  for (const [text, expected] of canonical) assert.equal(format(parseSelector(text)), expected, text);
});

test("what is no selector is refused with the place of the fault", () => {
  const bad: readonly (readonly [string, number, RegExp])[] = [
    ["a == b", 5, /expected a value in quotes, found 'b'/],
    ["a = 'b'", 2, /'=' is no operator; write '=='/],
    ["a == 'b", 5, /expected a value in quotes/],
    ["(has(a)", 7, /expected '\)', found the end/],
    ["has(a))", 6, /expected '&&', '\|\|' or the end/],
    ["has (a)", 4, /expected an operator/],
    ["all(x)", 4, /parentheses are not closed/],
    ["a inx {'b'}", 2, /expected an operator/],
    ["a in {'b' 'c'}", 10, /expected ',' or '}'/],
    ["a in 'b'", 5, /expected '{'/],
    ["has(a)\n&& has(b)", 6, /expected '&&'/],
    ["&& has(a)", 0, /expected a label key/],
    [`${"x".repeat(513)} == 'a'`, 514, /longer than 512/],
    [`${"(".repeat(600)}has(a)`, 501, /parentheses inside each other/],
  ];
  for (const [text, offset, message] of bad) {
    assert.throws(
      () => parseSelector(text),
      (error: unknown) => {
        assert.ok(error instanceof SelectorError);
        assert.match(error.message, message);
        assert.equal(error.detail.offset, offset, text);
        return true;
      },
    );
  }
});

test("an absent label satisfies != and not in only", () => {
  const matches = (text: string, labels: Labels) => evaluate(parseSelector(text), labels);
  for (const text of ["a != 'x'", "a not in {'x'}", "!has(a)", "!a == 'x'", "a not in {}"])
    assert.ok(matches(text, {}), text);
  for (const text of ["a == 'x'", "a in {'x'}", "a contains ''", "a starts with ''", "a ends with ''", "has(a)"])
    assert.ok(!matches(text, {}), text);
  assert.ok(!matches("has(constructor)", {}));
  assert.ok(matches("global()", { a: "b" }));
  assert.ok(!matches("global()", { "projectcalico.org/namespace": "default" }));
});

const key = fc.constantFrom("a", "b", "in", "not", "role/x.y", "has");
const value = fc.constantFrom("", "x", "xy", "yx", 'q"q', "in {");
const plain = { noNullPrototype: true } as const;
const leaf: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant<Selector>({ op: "all" }),
  fc.record({ op: fc.constant("has" as const), key }, plain),
  fc.record({ op: fc.constantFrom("equal", "notEqual", "contains", "startsWith", "endsWith"), key, value }, plain),
  fc.record(
    {
      op: fc.constantFrom("in", "notIn"),
      key,
      values: fc.uniqueArray(value, { maxLength: 3 }).map((values) => values.sort()),
    },
    plain,
  ),
);
const tree: fc.Arbitrary<Selector> = fc.letrec<{ node: Selector }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc
      .record({ op: fc.constant("not" as const), operand: tie("node") }, plain)
      .filter(({ operand }) => operand.op !== "not"),
    fc.record(
      { op: fc.constantFrom("and", "or"), operands: fc.array(tie("node"), { minLength: 2, maxLength: 3 }) },
      plain,
    ),
  ),
})).node;
const labelSet: fc.Arbitrary<Labels> = fc.dictionary(key, value);

test("the canonical text parses back to the same tree", () => {
  fc.assert(fc.property(tree, (selector) => assert.deepEqual(parseSelector(format(selector)), selector)));
});

/** The meaning said another way: the set of labels as text, each operator by its definition in the documents. */
function slowModel(selector: Selector, labels: Labels): boolean {
  const entries = new Map(Object.entries(labels));
  const test = (name: string, when: (found: string) => boolean, absent: boolean) => {
    const found = entries.get(name);
    return found === undefined ? absent : when(found);
  };
  switch (selector.op) {
    case "all":
      return true;
    case "global":
      return [...entries.keys()].every((name) => name !== "projectcalico.org/namespace");
    case "has":
      return [...entries.keys()].filter((name) => name === selector.key).length === 1;
    case "equal":
      return test(selector.key, (found) => found === selector.value, false);
    case "notEqual":
      return test(selector.key, (found) => found !== selector.value, true);
    case "in":
      return test(selector.key, (found) => new Set(selector.values).has(found), false);
    case "notIn":
      return test(selector.key, (found) => !new Set(selector.values).has(found), true);
    case "contains":
      return test(selector.key, (found) => found.split(selector.value).length > 1 || selector.value === "", false);
    case "startsWith":
      return test(selector.key, (found) => found.slice(0, selector.value.length) === selector.value, false);
    case "endsWith":
      return test(
        selector.key,
        (found) =>
          found.length >= selector.value.length && found.slice(found.length - selector.value.length) === selector.value,
        false,
      );
    case "not":
      return !slowModel(selector.operand, labels);
    case "and":
      return selector.operands.map((operand) => slowModel(operand, labels)).reduce((a, b) => a && b, true);
    case "or":
      return selector.operands.map((operand) => slowModel(operand, labels)).reduce((a, b) => a || b, false);
  }
}

test("evaluation agrees with the slow model", () => {
  fc.assert(
    fc.property(tree, labelSet, (selector, labels) => evaluate(selector, labels) === slowModel(selector, labels)),
    { numRuns: runs(200) },
  );
});

test("any text gives a selector or our own error", () => {
  const soup = fc
    .array(
      fc.constantFrom(
        "a",
        "'x'",
        '"',
        "in",
        "not",
        "has(",
        "all()",
        "(",
        ")",
        "{",
        "}",
        "==",
        "!",
        "&&",
        "||",
        ",",
        " ",
      ),
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(soup, fc.string()), (text) => {
      try {
        parseSelector(format(parseSelector(text)));
      } catch (error) {
        if (!(error instanceof SelectorError)) throw error;
      }
    }),
    { numRuns: runs(400) },
  );
});

test("a matcher answers by text, time and again", () => {
  const matches = selectorMatcher();
  for (const zone of ["a", "b", "a"]) assert.equal(matches("zone == 'a'", { zone }), zone === "a");
  assert.throws(() => matches("zone ==", {}), SelectorError);
});
