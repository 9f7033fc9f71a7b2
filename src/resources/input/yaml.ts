/**
 * YAML and JSON texts to values, each document with the lines of its fields. Integers that a double cannot hold become
 * bigint. Aliases are followed, but a text that would unfold into more than a million values is refused.
 */
import {
  CORE_SCHEMA,
  constructFromEvents,
  defineScalarTag,
  EVENT_ID,
  type Event,
  getScalarValue,
  intCoreTag,
  mergeTag,
  NOT_RESOLVED,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
  YAMLException,
} from "js-yaml";
import { CodedError } from "../../base/errors.ts";
import type { Json } from "../../base/json.ts";
import type { FieldPath } from "../problems.ts";
import { syntaxRemedy } from "./syntax-remedy.ts";

/** Lines and documents count from 1. */
export class InputError extends CodedError<
  "syntax" | "quotes" | "tooLarge" | "structure",
  { file: string; document: number; line: number }
> {}

export interface InputDocument {
  readonly number: number;
  readonly value: Json;
  /** The line of a field, or of the nearest field around it that is there. */
  lineOf(path: FieldPath): number;
}

/** Where a value stands in the text, and the values in it. */
interface Place {
  readonly offset: number;
  readonly children: ReadonlyMap<string | number, Place>;
  /** Values in it with all aliases unfolded. */
  readonly size: number;
}

const MAX_VALUES = 1_000_000;

const bigIntegers = defineScalarTag<number | bigint>(intCoreTag.tagName, {
  implicit: true,
  implicitFirstChars: intCoreTag.implicitFirstChars,
  identify: () => false,
  resolve: (source, isExplicit, tagName) => {
    const value = intCoreTag.resolve(source, isExplicit, tagName);
    if (value === NOT_RESOLVED || Number.isSafeInteger(value)) return value;
    return /^[-+]?\d+$/.test(source) ? BigInt(source.replace("+", "")) : value;
  },
});
const schema = CORE_SCHEMA.withTags(bigIntegers, mergeTag);

/** All documents of a text, empty ones left out. `file` is for messages. Throws InputError. */
export function parseYaml(text: string, file: string): InputDocument[] {
  const lines = lineStarts(text);
  const lineAt = (offset: number): number => lineOfOffset(lines, offset);
  try {
    const events = parseEvents(text, { filename: file });
    const places = new Places(text, { file, lineAt });
    for (const event of events) places.take(event);
    const values = constructFromEvents(events, { source: text, filename: file, schema });
    return values.flatMap((value, index) => {
      const place = places.roots[index];
      if (value === null || value === undefined || !place) return [];
      return [
        { number: index + 1, value: value as Json, lineOf: (path: FieldPath) => lineAt(nearestOffset(place, path)) },
      ];
    });
  } catch (error) {
    if (error instanceof YAMLException) throw syntaxError(error, text, file);
    throw error;
  }
}

function nearestOffset(place: Place, path: FieldPath): number {
  let at = place;
  for (const step of path) {
    const next = at.children.get(step);
    if (!next) break;
    at = next;
  }
  return at.offset;
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function lineOfOffset(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

function syntaxError(error: YAMLException, text: string, file: string): InputError {
  const position = error.mark?.position ?? 0;
  const line = (error.mark?.line ?? 0) + 1;
  const column = (error.mark?.column ?? 0) + 1;
  const document = (text.slice(0, position).match(/^---(?=\s|$)/gm) ?? []).length;
  const startsMarked = /^(\s*(#.*)?\n)*---(\s|$)/.test(text);
  const number = Math.max(1, startsMarked ? document : document + 1);
  const before = text.slice(text.lastIndexOf("\n", position - 1) + 1, position);
  const [rest = ""] = text.slice(position).split("\n", 1);
  const remedy = syntaxRemedy(error.reason, [before, rest]);
  return new InputError(
    "syntax",
    `${file}, document ${number}, line ${line}, column ${column}: ${error.reason}${remedy === undefined ? "" : `; ${remedy}`}`,
    { file, document: number, line },
  );
}

interface Frame {
  readonly kind: "document" | "sequence" | "mapping";
  readonly offset: number;
  readonly anchor: string | undefined;
  readonly children: Map<string | number, Place>;
  size: number;
  /** Of a mapping: the key whose value comes next, and where it stands. */
  key: { readonly name: string; readonly offset: number } | undefined;
  /** Of a sequence: the index of the next item. */
  index: number;
}

interface Where {
  readonly file: string;
  lineAt(offset: number): number;
}

interface Anchored {
  readonly anchorStart: number;
  readonly anchorEnd: number;
}

/** Builds the places of all documents from the parser's events. */
class Places {
  readonly roots: (Place | undefined)[] = [];
  readonly #text: string;
  readonly #where: Where;
  readonly #stack: Frame[] = [];
  readonly #anchors = new Map<string, Place>();

  constructor(text: string, where: Where) {
    this.#text = text;
    this.#where = where;
  }

  take(event: Event): void {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        this.#anchors.clear();
        this.#open("document", 0, undefined);
        break;
      case EVENT_ID.SEQUENCE:
        this.#open("sequence", event.start, this.#anchorOf(event));
        break;
      case EVENT_ID.MAPPING:
        this.#open("mapping", event.start, this.#anchorOf(event));
        break;
      case EVENT_ID.SCALAR:
        this.#scalar(event);
        break;
      case EVENT_ID.ALIAS:
        this.#alias(event);
        break;
      default:
        this.#close();
    }
  }

  #open(kind: Frame["kind"], offset: number, anchor: string | undefined): void {
    // Inside itself an anchor names nothing yet.
    if (anchor !== undefined) this.#anchors.delete(anchor);
    const size = kind === "document" ? 0 : 1;
    this.#stack.push({ kind, offset, anchor, children: new Map(), size, key: undefined, index: 0 });
  }

  #close(): void {
    const frame = this.#stack.pop();
    if (!frame) return;
    if (frame.kind === "document") {
      this.roots.push(frame.children.get(0));
      return;
    }
    if (this.#isNameNext) throw this.#error("syntax", frame.offset, "a field's name is a text, no list and no object");
    const place: Place = { offset: frame.offset, children: frame.children, size: frame.size };
    if (frame.anchor !== undefined) this.#anchors.set(frame.anchor, place);
    this.#put(place, "");
  }

  #scalar(event: ScalarEvent): void {
    const value = getScalarValue(this.#text, event);
    const quotes = event.style === SCALAR_STYLE.PLAIN ? typographicQuotes(value) : undefined;
    if (quotes !== undefined) throw this.#error("quotes", event.valueStart, quotes);
    const place: Place = { offset: event.valueStart, children: new Map(), size: 1 };
    const anchor = this.#anchorOf(event);
    if (anchor !== undefined) this.#anchors.set(anchor, place);
    this.#put(place, value);
  }

  #alias(event: Anchored): void {
    const name = this.#anchorOf(event) ?? "";
    const target = this.#anchors.get(name);
    if (!target) {
      throw this.#error("syntax", event.anchorStart, `alias '*${name}' names nothing before it, or what it is in`);
    }
    this.#put({ ...target, offset: event.anchorStart }, "");
  }

  /** Puts a node where it belongs: as the key of a mapping, its value, or the next item. `text` is a scalar's value. */
  #put(place: Place, text: string): void {
    const parent = this.#stack.at(-1);
    if (!parent) return;
    parent.size += place.size;
    if (parent.size > MAX_VALUES) {
      throw this.#error("tooLarge", place.offset, "the aliases unfold into more than a million values");
    }
    if (parent.kind !== "mapping") {
      parent.children.set(parent.index++, place);
    } else if (parent.key) {
      // A field is where its name stands.
      parent.children.set(parent.key.name, { ...place, offset: parent.key.offset });
      parent.key = undefined;
    } else {
      parent.key = { name: text, offset: place.offset };
    }
  }

  /** Whether what comes next is the name of a field. */
  get #isNameNext(): boolean {
    const parent = this.#stack.at(-1);
    return parent?.kind === "mapping" && parent.key === undefined;
  }

  #anchorOf({ anchorStart, anchorEnd }: Anchored): string | undefined {
    return anchorStart < 0 ? undefined : this.#text.slice(anchorStart, anchorEnd);
  }

  #error(code: "quotes" | "tooLarge" | "syntax", offset: number, what: string): InputError {
    const { file, lineAt } = this.#where;
    const [document, line] = [this.roots.length + 1, lineAt(offset)];
    return new InputError(code, `${file}, document ${document}, line ${line}: ${what}`, { file, document, line });
  }
}

const TYPOGRAPHIC = /^[“”„‟‘’‚‛«»]|[“”„‟‘’‚‛«»]$/u;

/** Names the typographic quotes of a text, and says what to write; undefined when there are none at its ends. */
function typographicQuotes(value: string): string | undefined {
  if (!TYPOGRAPHIC.test(value)) return undefined;
  const found = [...new Set(value.match(/[“”„‟‘’‚‛«»]/gu) ?? [])];
  const named = found.map((quote) => `${quote} (U+${quote.codePointAt(0)?.toString(16).toUpperCase()})`).join(" and ");
  const plain = value.replaceAll(/[“”„‟‘’‚‛«»]/gu, "");
  return `the value ${value} is wrapped in typographic quotes ${named}, which are no quotes in YAML or JSON; write "${plain}"`;
}
