/**
 * Elements of sets and maps in octets (NFTA_SET_ELEM_*). Written by hand and not by tables, since sets have hundreds of
 * thousands of them.
 *
 *     single interval key    start element, then an element with INTERVAL_END one above the last value
 *     concatenated interval  one element with KEY and KEY_END
 *     anything else          one element with KEY
 */
import type { Writer } from "../../wire/writer.ts";
import { beginAttribute, eachAttribute, endAttribute, NESTED } from "../message.ts";
import { ElementFlag } from "./codes.ts";
import type { DataType, OctetText } from "./data-type.ts";
import { formatKey, keyOctets, parseKey, parseValue } from "./element.ts";
import type { Steps } from "./steps.ts";
import type { ElementText } from "./tree.ts";
import { formatVerdict, parseVerdict, verdictAttributes, verdictFrom, verdictSet } from "./verdict-codec.ts";

const NFTA_LIST_ELEM = 1;
const KEY = 1;
const DATA = 2;
const FLAGS = 3;
const KEY_END = 10;
const DATA_VALUE = 1;
const DATA_VERDICT = 2;

/** What elements are read and written by. */
export interface ElementShape {
  readonly name: string;
  readonly key: readonly DataType[];
  readonly interval?: boolean;
  readonly data?: "verdict" | readonly DataType[];
}

/** A key, and in maps a value. */
export type Entry = readonly [key: ElementText, value?: string];

const data = (writer: Writer, type: number, octets: OctetText): void => {
  const outer = beginAttribute(writer, type | NESTED);
  const inner = beginAttribute(writer, DATA_VALUE);
  for (let at = 0; at < octets.length; at++) writer.u8(octets.charCodeAt(at));
  endAttribute(writer, inner);
  endAttribute(writer, outer);
};

function value(writer: Writer, shape: ElementShape, text: string, where: string): void {
  if (shape.data === "verdict") {
    const outer = beginAttribute(writer, DATA | NESTED);
    const inner = beginAttribute(writer, DATA_VERDICT | NESTED);
    verdictSet.encode(writer, verdictAttributes(parseVerdict(text, where)));
    endAttribute(writer, inner);
    endAttribute(writer, outer);
  } else if (shape.data) data(writer, DATA, parseValue(shape.data, text, where));
}

/** The value one above, undefined above the highest. */
function successor(octets: OctetText): OctetText | undefined {
  for (let at = octets.length - 1; at >= 0; at--) {
    const digit = octets.charCodeAt(at);
    if (digit !== 255)
      return octets.slice(0, at) + String.fromCharCode(digit + 1) + "\0".repeat(octets.length - at - 1);
  }
  return undefined;
}

/** The value one below; never asked of the lowest. */
function predecessor(octets: OctetText): OctetText {
  for (let at = octets.length - 1; at >= 0; at--) {
    const digit = octets.charCodeAt(at);
    if (digit !== 0)
      return octets.slice(0, at) + String.fromCharCode(digit - 1) + HIGHEST.repeat(octets.length - at - 1);
  }
  return octets;
}
const HIGHEST = "\u00ff";

/** Writes the list elements of one entry; deletions need no value. Throws NftTreeError `badElement`. */
export function writeEntry(writer: Writer, shape: ElementShape, [key, text]: Entry): void {
  const where = `set ${shape.name}`;
  const { low, high } = parseKey(shape.key, shape.interval === true, key, where);
  const isRange = high !== undefined;
  const isConcatenation = shape.key.length > 1;
  const element = beginAttribute(writer, NFTA_LIST_ELEM | NESTED);
  data(writer, KEY, low);
  if (isRange && isConcatenation) data(writer, KEY_END, high);
  if (text !== undefined) value(writer, shape, text, where);
  endAttribute(writer, element);
  const end = isRange && !isConcatenation ? successor(high) : undefined;
  if (end === undefined) return;
  const closing = beginAttribute(writer, NFTA_LIST_ELEM | NESTED);
  const flags = beginAttribute(writer, FLAGS);
  writer.u32(ElementFlag.intervalEnd);
  endAttribute(writer, flags);
  data(writer, KEY, end);
  endAttribute(writer, closing);
}

/** One element as the kernel lists it. */
export interface RawElement {
  readonly key: OctetText;
  readonly keyEnd?: OctetText;
  readonly isEnd: boolean;
  readonly value?: string;
}

/** What an element of a foreign kind (a catch-all, a queue verdict) reads as: no text of ours equals it. */
const FOREIGN = "?";

/** Reads the list of one message of elements. Throws NetlinkFormatError; keys of a wrong length are left out. */
export function readElements(view: DataView, at: number, end: number, shape: ElementShape, found: RawElement[]): void {
  const wanted = keyOctets(shape.key);
  eachAttribute(view, { at, end }, (_type, elementAt, elementLength) => {
    let key: OctetText | undefined;
    let keyEnd: OctetText | undefined;
    let text: string | undefined;
    let flags = 0;
    eachAttribute(view, { at: elementAt, end: elementAt + elementLength }, (type, valueAt, length) => {
      if (type === KEY) key = dataValue(view, valueAt, length);
      else if (type === KEY_END) keyEnd = dataValue(view, valueAt, length);
      else if (type === DATA) text = dataText(view, valueAt, length, shape);
      else if (type === FLAGS && length >= 4) flags = view.getUint32(valueAt);
    });
    if (key?.length !== wanted || (keyEnd !== undefined && keyEnd.length !== wanted)) return;
    const isEnd = (flags & ElementFlag.intervalEnd) !== 0;
    found.push({
      key,
      isEnd,
      ...(keyEnd === undefined ? {} : { keyEnd }),
      ...(text === undefined ? {} : { value: text }),
    });
  });
}

function dataValue(view: DataView, at: number, length: number): OctetText | undefined {
  let octets: OctetText | undefined;
  eachAttribute(view, { at, end: at + length }, (type, valueAt, valueLength) => {
    if (type === DATA_VALUE) octets = textAt(view, valueAt, valueLength);
  });
  return octets;
}

/** Short texts are made quickest octet by octet. */
function textAt(view: DataView, at: number, length: number): OctetText {
  let text = "";
  for (let index = at; index < at + length; index++) text += String.fromCharCode(view.getUint8(index));
  return text;
}

function dataText(view: DataView, at: number, length: number, { data }: ElementShape): string {
  let text = FOREIGN;
  eachAttribute(view, { at, end: at + length }, (type, valueAt, valueLength) => {
    if (type === DATA_VERDICT && data === "verdict") {
      const verdict = verdictFrom(verdictSet.decode(view, valueAt, valueAt + valueLength));
      if (verdict) text = formatVerdict(verdict);
    } else if (type === DATA_VALUE && data !== undefined && data !== "verdict" && valueLength === keyOctets(data)) {
      text = formatKey(data, textAt(view, valueAt, valueLength));
    }
  });
  return text;
}

/** Entries between two pauses. */
const PAUSE_ENTRIES = 256;

/**
 * Key and value text of what the kernel listed; start and end elements of intervals are joined. Very large sets take
 * several turns.
 */
export function* entriesOf(shape: ElementShape, elements: readonly RawElement[]): Steps<Entry[]> {
  const entries: Entry[] = [];
  const take = (low: OctetText, high: OctetText | undefined, text: string | undefined): void => {
    const key = formatKey(shape.key, low, high);
    entries.push(text === undefined ? [key] : [key, text]);
  };
  if (shape.interval && shape.key.length === 1) {
    yield* intervals(elements, take);
    return entries;
  }
  for (const [index, { key, keyEnd, value: text }] of elements.entries()) {
    if (index % PAUSE_ENTRIES === PAUSE_ENTRIES - 1) yield;
    take(key, shape.interval ? keyEnd : undefined, text);
  }
  return entries;
}

/** By key; an interval that ends where another starts is closed first. */
const compareElements = (a: RawElement, b: RawElement): number =>
  a.key === b.key ? Number(b.isEnd) - Number(a.isEnd) : a.key < b.key ? -1 : 1;

/** The kernel lists its trees from the highest key down: then turning them round is enough. */
function* ascending(elements: readonly RawElement[]): Steps<readonly RawElement[]> {
  for (let index = 1; index < elements.length; index++) {
    if (index % PAUSE_ENTRIES === 0) yield;
    const [before, after] = [elements[index - 1] as RawElement, elements[index] as RawElement];
    if (compareElements(before, after) < 0) return elements.toSorted(compareElements);
  }
  return elements.toReversed();
}

/** An interval ends where the next end or start is, or at the highest value. An end without a start says nothing. */
function* intervals(
  elements: readonly RawElement[],
  take: (low: OctetText, high: OctetText, text: string | undefined) => void,
): Steps<void> {
  let open: RawElement | undefined;
  for (const [index, element] of (yield* ascending(elements)).entries()) {
    if (index % PAUSE_ENTRIES === 0) yield;
    if (open) take(open.key, predecessor(element.key), open.value);
    open = element.isEnd ? undefined : element;
  }
  if (open) take(open.key, HIGHEST.repeat(open.key.length), open.value);
}
