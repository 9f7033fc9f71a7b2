/**
 * Calico's selector language as a tree: what a selector means for one set of labels, and its canonical text. Equal
 * canonical texts mean equal selectors, so the text keys caches and IP sets.
 */

/** Labels of an object. */
export type Labels = Readonly<Record<string, string>>;

export type Selector =
  | { readonly op: "all" }
  /** Only what lies in no namespace. */
  | { readonly op: "global" }
  | { readonly op: "has"; readonly key: string }
  | { readonly op: "equal" | "notEqual"; readonly key: string; readonly value: string }
  /** `values` sorted, each once. */
  | { readonly op: "in" | "notIn"; readonly key: string; readonly values: readonly string[] }
  | { readonly op: "contains" | "startsWith" | "endsWith"; readonly key: string; readonly value: string }
  | { readonly op: "not"; readonly operand: Selector }
  /** Two operands or more. */
  | { readonly op: "and" | "or"; readonly operands: readonly Selector[] };

/** The label by which `global()` tells namespaced objects. */
const NAMESPACE_LABEL = "projectcalico.org/namespace";

/** Whether the labels satisfy the selector. An absent label satisfies `!=` and `not in`, and no other test of its value. */
export function evaluate(selector: Selector, labels: Labels): boolean {
  switch (selector.op) {
    case "all":
      return true;
    case "global":
      return !Object.hasOwn(labels, NAMESPACE_LABEL);
    case "has":
      return Object.hasOwn(labels, selector.key);
    case "equal":
      return valueAt(labels, selector.key) === selector.value;
    case "notEqual":
      return valueAt(labels, selector.key) !== selector.value;
    case "in":
      return isAmong(valueAt(labels, selector.key), selector.values);
    case "notIn":
      return !isAmong(valueAt(labels, selector.key), selector.values);
    case "contains":
      return valueAt(labels, selector.key)?.includes(selector.value) ?? false;
    case "startsWith":
      return valueAt(labels, selector.key)?.startsWith(selector.value) ?? false;
    case "endsWith":
      return valueAt(labels, selector.key)?.endsWith(selector.value) ?? false;
    case "not":
      return !evaluate(selector.operand, labels);
    case "and":
      return selector.operands.every((operand) => evaluate(operand, labels));
    case "or":
      return selector.operands.some((operand) => evaluate(operand, labels));
  }
}

const valueAt = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

const isAmong = (value: string | undefined, values: readonly string[]): boolean =>
  value !== undefined && values.includes(value);

const wordByOp = {
  equal: "==",
  notEqual: "!=",
  contains: "contains",
  startsWith: "starts with",
  endsWith: "ends with",
} as const;

/** The canonical text, which parses back to an equal tree. */
export function format(selector: Selector): string {
  switch (selector.op) {
    case "all":
      return "all()";
    case "global":
      return "global()";
    case "has":
      return `has(${selector.key})`;
    case "in":
    case "notIn": {
      const word = selector.op === "in" ? "in" : "not in";
      return `${selector.key} ${word} {${selector.values.map(quote).join(", ")}}`;
    }
    case "not":
      return `!${format(selector.operand)}`;
    case "and":
      return `(${selector.operands.map(format).join(" && ")})`;
    case "or":
      return `(${selector.operands.map(format).join(" || ")})`;
    default:
      return `${selector.key} ${wordByOp[selector.op]} ${quote(selector.value)}`;
  }
}

const quote = (value: string): string => (value.includes('"') ? `'${value}'` : `"${value}"`);
