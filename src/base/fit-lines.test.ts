import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters, styleText } from "node:util";
import { cutLine, wrapLine } from "./fit-lines.ts";

const red = (text: string) => styleText("red", text, { validateStream: false });

test("a line that fits stays as it is, colours included", () => {
  assert.deepEqual(wrapLine(red("all is well"), 11), [red("all is well")]);
  assert.equal(cutLine(red("all is well"), 11), red("all is well"));
});

test("a longer one is broken between words, and indentation stays", () => {
  assert.deepEqual(wrapLine("  one two three", 9), ["  one two", "three"]);
  assert.deepEqual(wrapLine("one extraordinarily two", 5), ["one", "extraordinarily", "two"]);
  assert.deepEqual(wrapLine(red("one two three"), 7).map(stripVTControlCharacters), ["one two", "three"]);
});

test("a row of a table is cut and says so", () => {
  assert.equal(cutLine(red("0123456789"), 5), "0123…");
});
