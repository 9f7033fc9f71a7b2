/**
 * The grammar of selectors (Calico's `selector/parser`):
 *
 *   expr    := and ('||' and)*            and  := unary ('&&' unary)*        unary := '!'* primary
 *   primary := '(' expr ')' | 'all()' | 'global()' | 'has(' KEY ')' | KEY op
 *   op      := '==' STR | '!=' STR | 'in' SET | 'not in' SET | 'contains' STR | 'starts with' STR | 'ends with' STR
 *   SET     := '{' [STR (',' STR)* [',']] '}'
 *
 * Blanks are spaces and tabs. Words are operators only behind a key, so keys may be called `in` or `contains`.
 */
import { CodedError } from "../base/errors.ts";
import type { Selector } from "./selector.ts";

/** `offset`: where in the text, from 0. */
export class SelectorError extends CodedError<"badSelector", { text: string; offset: number }> {}

const MAX_KEY_LENGTH = 512;
/** Parentheses and negations inside each other; keeps a hostile selector from exhausting the stack. */
const MAX_DEPTH = 500;

/** Parses a selector; an empty or blank text is `all()`. Throws SelectorError. */
export function parseSelector(text: string): Selector {
  const cursor = new Cursor(text);
  if (cursor.isAtEnd()) return { op: "all" };
  const selector = parseOr(cursor, 0);
  if (!cursor.isAtEnd()) throw cursor.error(`expected '&&', '||' or the end, found ${cursor.found()}`);
  return selector;
}

class Cursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #skipBlanks(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at++;
  }

  isAtEnd(): boolean {
    this.#skipBlanks();
    return this.#at === this.#text.length;
  }

  isBefore(literal: string): boolean {
    this.#skipBlanks();
    return this.#text.startsWith(literal, this.#at);
  }

  /** Takes the literal after blanks, if it stands here. */
  take(literal: string): boolean {
    if (!this.isBefore(literal)) return false;
    this.#at += literal.length;
    return true;
  }

  /** Takes what a sticky pattern matches after blanks. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    this.#skipBlanks();
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }

  found(): string {
    return this.isAtEnd() ? "the end" : `'${this.#text.slice(this.#at, this.#at + 20)}'`;
  }

  error(what: string): SelectorError {
    this.#skipBlanks();
    return new SelectorError("badSelector", `bad selector '${this.#text}': at character ${this.#at + 1}, ${what}`, {
      text: this.#text,
      offset: this.#at,
    });
  }
}

function parseOr(cursor: Cursor, depth: number): Selector {
  return parseChain(cursor, "||", "or", () => parseChain(cursor, "&&", "and", () => parseUnary(cursor, depth)));
}

function parseChain(cursor: Cursor, sign: string, op: "and" | "or", operand: () => Selector): Selector {
  const first = operand();
  const operands = [first];
  while (cursor.take(sign)) operands.push(operand());
  return operands.length === 1 ? first : { op, operands };
}

function parseUnary(cursor: Cursor, depth: number): Selector {
  let isNegated = false;
  while (cursor.take("!")) isNegated = !isNegated;
  const operand = parsePrimary(cursor, depth);
  return isNegated ? { op: "not", operand } : operand;
}

const patterns = () => ({
  key: /[A-Za-z0-9_./-]+/y,
  everything: /(all|global)\([ \t]*\)/y,
  has: /has\([ \t]*([A-Za-z0-9_./-]+)[ \t]*\)/y,
  call: /(?:all|global|has)\(/y,
  word: /(in|not[ \t]*in|contains|starts[ \t]*with|ends[ \t]*with)(?![A-Za-z0-9_./-])/y,
  text: /"([^"]*)"|'([^']*)'/y,
});

function parsePrimary(cursor: Cursor, depth: number): Selector {
  if (depth > MAX_DEPTH) throw cursor.error(`more than ${MAX_DEPTH} parentheses inside each other`);
  if (cursor.take("(")) {
    const inner = parseOr(cursor, depth + 1);
    if (!cursor.take(")")) throw cursor.error(`expected ')', found ${cursor.found()}`);
    return inner;
  }
  const { everything, has, call, key } = patterns();
  const all = cursor.match(everything);
  if (all) return { op: all[1] === "all" ? "all" : "global" };
  const present = cursor.match(has);
  if (present) return { op: "has", key: checkedKey(cursor, present[1] ?? "") };
  if (cursor.match(call)) throw cursor.error("the parentheses are not closed, or hold what is not a label key");
  const label = cursor.match(key);
  if (!label) throw cursor.error(`expected a label key, all(), has(KEY), '!' or '(', found ${cursor.found()}`);
  return parseTest(cursor, checkedKey(cursor, label[0]));
}

function checkedKey(cursor: Cursor, key: string): string {
  if (key.length > MAX_KEY_LENGTH)
    throw cursor.error(`the label key before is longer than ${MAX_KEY_LENGTH} characters`);
  return key;
}

function parseTest(cursor: Cursor, key: string): Selector {
  if (cursor.take("==")) return { op: "equal", key, value: parseText(cursor) };
  if (cursor.take("!=")) return { op: "notEqual", key, value: parseText(cursor) };
  if (cursor.isBefore("=")) throw cursor.error("'=' is no operator; write '=='");
  const word = cursor.match(patterns().word)?.[1]?.replaceAll(/[ \t]/g, "");
  switch (word) {
    case "in":
      return { op: "in", key, values: parseSet(cursor) };
    case "notin":
      return { op: "notIn", key, values: parseSet(cursor) };
    case "contains":
      return { op: "contains", key, value: parseText(cursor) };
    case "startswith":
      return { op: "startsWith", key, value: parseText(cursor) };
    case "endswith":
      return { op: "endsWith", key, value: parseText(cursor) };
    default:
      throw cursor.error(
        `expected an operator (==, !=, in, not in, contains, starts with, ends with) after '${key}', found ${cursor.found()}`,
      );
  }
}

function parseText(cursor: Cursor): string {
  const match = cursor.match(patterns().text);
  if (!match) throw cursor.error(`expected a value in quotes, found ${cursor.found()}`);
  return match[1] ?? match[2] ?? "";
}

function parseSet(cursor: Cursor): readonly string[] {
  if (!cursor.take("{")) throw cursor.error(`expected '{', found ${cursor.found()}`);
  const values = new Set<string>();
  while (!cursor.take("}")) {
    values.add(parseText(cursor));
    if (cursor.take(",")) continue;
    if (cursor.take("}")) break;
    throw cursor.error(`expected ',' or '}', found ${cursor.found()}`);
  }
  return [...values].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
