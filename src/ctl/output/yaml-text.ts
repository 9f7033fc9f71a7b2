/**
 * YAML as Go's `sigs.k8s.io/yaml` writes it, so that scripts find what they look for: keys sorted, lists not indented,
 * text that would read as something else in double quotes, other text that needs quotes in single ones, no folding.
 */
import { DEFAULT_SCALAR_STYLE_RULES, DUMP_SCHEMA, dump, intCoreTag, SCALAR_STYLE, type ScalarStyleRule } from "js-yaml";
import type { Json } from "../../base/json.ts";

/** Integers of any size. Reading is never asked of this schema, save what a text would resolve to. */
const integers = DUMP_SCHEMA.tags.flatMap((tag) =>
  tag.nodeKind === "scalar" && tag.tagName === intCoreTag.tagName
    ? [{ ...tag, identify: (value: unknown) => typeof value === "bigint" || tag.identify(value), represent: String }]
    : [],
);

const schema = DUMP_SCHEMA.withTags(integers);

/** Text that a reader would take for a number, a flag, null or a date. */
const quoteWhatResolves: ScalarStyleRule = (layout) => {
  const { node, style } = layout;
  if (style !== SCALAR_STYLE.PLAIN || node.tag !== "tag:yaml.org,2002:str") return;
  if (schema.resolveImplicitScalarTag(node.value).tag.tagName !== node.tag) layout.style = SCALAR_STYLE.DOUBLE_QUOTED;
};

/** One document, with a newline at its end. */
export function formatYaml(value: Json): string {
  return dump(value, {
    schema,
    sortKeys: compareKeys,
    seqNoIndent: true,
    lineWidth: -1,
    noRefs: true,
    scalarStyleRules: [quoteWhatResolves, ...Object.values(DEFAULT_SCALAR_STYLE_RULES)],
  });
}

const isLetter = (character: string): boolean => /\p{L}/u.test(character);
const isDigit = (character: string): boolean => character >= "0" && character <= "9";

/** The order of go-yaml: letters after everything else, runs of digits by their number. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [x = "", y = ""] = [a[at], b[at]];
    if (x === y) continue;
    if (isLetter(x) && isLetter(y)) return x < y ? -1 : 1;
    if (isLetter(x) || isLetter(y)) return isLetter(y) ? -1 : 1;
    const [runA, runB] = [digitsAt(a, at), digitsAt(b, at)];
    if (runA !== runB) {
      const difference = Number(runA || 0) - Number(runB || 0);
      if (difference !== 0) return difference;
      if (runA.length !== runB.length) return runA.length - runB.length;
    }
    return x < y ? -1 : 1;
  }
  return a.length - b.length;
}

function digitsAt(text: string, at: number): string {
  let end = at;
  while (isDigit(text[end] ?? "")) end++;
  return text.slice(at, end);
}
