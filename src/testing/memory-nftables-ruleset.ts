/**
 * A ruleset in memory, with the kernel's refusals: what does not exist, what is in use, what overlaps. Objects keep the
 * octets they were made with, which is what is listed.
 */
import { eachAttribute, Flag, type Message } from "../netlink/message.ts";
import { ElementFlag, MessageType } from "../netlink/nftables/codes.ts";
import {
  type DecodedChain,
  decodeChain,
  decodeElements,
  decodeRule,
  decodeSet,
  decodeTableKey,
} from "../netlink/nftables/object-decoder.ts";
import type { NftRule } from "../netlink/nftables/tree.ts";

export const Errno = { ENOENT: 2, EINTR: 4, EBUSY: 16, EEXIST: 17, EINVAL: 22, ERESTART: 85 } as const;

/** What the kernel answers to one message of a transaction. */
export class Refusal extends Error {
  readonly errno: number;
  constructor(errno: number) {
    super(`refused with ${errno}`);
    this.errno = errno;
  }
}

export interface MemoryChain {
  readonly decoded: DecodedChain;
  readonly rules: readonly { readonly payload: Uint8Array; readonly rule: NftRule }[];
}

interface MemoryElement {
  readonly octets: Uint8Array;
  readonly key: string;
  readonly isEnd: boolean;
  readonly data: string;
  /** Of a verdict. */
  readonly chain: string | undefined;
}

export interface MemorySet {
  readonly payload: Uint8Array;
  readonly isInterval: boolean;
  readonly elements: ReadonlyMap<string, MemoryElement>;
}

export interface MemoryTable {
  readonly payload: Uint8Array;
  readonly family: number;
  readonly name: string;
  readonly chains: ReadonlyMap<string, MemoryChain>;
  readonly sets: ReadonlyMap<string, MemorySet>;
}

/** Tables by family and name. Never changed in place: a transaction that fails is forgotten. */
export type Ruleset = ReadonlyMap<string, MemoryTable>;

const keyOf = (payload: Uint8Array): string => `${payload[0]} ${decodeTableKey(payload).name ?? ""}`;

function tableOf(ruleset: Ruleset, payload: Uint8Array): MemoryTable {
  const table = ruleset.get(keyOf(payload));
  if (!table) throw new Refusal(Errno.ENOENT);
  return table;
}

const without = <V>(map: ReadonlyMap<string, V>, key: string): Map<string, V> =>
  new Map([...map].filter(([name]) => name !== key));
const withEntry = <V>(map: ReadonlyMap<string, V>, key: string, value: V): Map<string, V> =>
  new Map(map).set(key, value);

function found<V>(map: ReadonlyMap<string, V>, key: string): V {
  const value = map.get(key);
  if (value === undefined) throw new Refusal(Errno.ENOENT);
  return value;
}

/** The ruleset after one message. Throws Refusal, NetlinkFormatError. */
export function changed(ruleset: Ruleset, { type, flags, payload }: Message): Ruleset {
  const copy = Uint8Array.from(payload);
  const put = (table: MemoryTable): Ruleset => withEntry(ruleset, keyOf(copy), table);
  switch (type) {
    case MessageType.newTable: {
      const name = decodeTableKey(copy).name ?? "";
      if (ruleset.has(keyOf(copy))) return ruleset;
      return put({ payload: copy, family: copy[0] ?? 0, name, chains: new Map(), sets: new Map() });
    }
    case MessageType.deleteTable:
      tableOf(ruleset, copy);
      return without(ruleset, keyOf(copy));
    case MessageType.newChain:
      return put(withChain(tableOf(ruleset, copy), decodeChain(copy), (flags & Flag.create) !== 0));
    case MessageType.deleteChain:
      return put(withoutChain(tableOf(ruleset, copy), decodeChain(copy).name));
    case MessageType.newRule:
      return put(withRule(tableOf(ruleset, copy), copy));
    case MessageType.deleteRule: {
      const table = tableOf(ruleset, copy);
      const { chain } = decodeRule(copy);
      const was = found(table.chains, chain);
      return put({ ...table, chains: withEntry(table.chains, chain, { ...was, rules: [] }) });
    }
    case MessageType.newSet: {
      const table = tableOf(ruleset, copy);
      const { name, shape } = decodeSet(copy);
      if (table.sets.has(name)) throw new Refusal(Errno.EEXIST);
      const isInterval = shape?.interval === true && shape.key.length === 1;
      return put({ ...table, sets: withEntry(table.sets, name, { payload: copy, isInterval, elements: new Map() }) });
    }
    case MessageType.deleteSet: {
      const table = tableOf(ruleset, copy);
      const { name } = decodeSet(copy);
      found(table.sets, name);
      if (expressionsOf(table).some((one) => one.name === "lookup" && one.set === name)) throw new Refusal(Errno.EBUSY);
      return put({ ...table, sets: without(table.sets, name) });
    }
    case MessageType.newElements:
    case MessageType.deleteElements: {
      const table = tableOf(ruleset, copy);
      const { set, view } = decodeElements(copy);
      const was = found(table.sets, set);
      const elements = new Map(was.elements);
      for (const element of elementsIn(view)) {
        if (type === MessageType.newElements) addElement(table, elements, element);
        else if (!elements.delete(elementKey(element))) throw new Refusal(Errno.ENOENT);
      }
      if (was.isInterval && type === MessageType.newElements) checkIntervals(elements);
      return put({ ...table, sets: withEntry(table.sets, set, { ...was, elements }) });
    }
    default:
      throw new Refusal(Errno.EINVAL);
  }
}

const expressionsOf = (table: MemoryTable) =>
  [...table.chains.values()].flatMap(({ rules }) => rules.flatMap(({ rule }) => rule.expressions));

function withChain(table: MemoryTable, decoded: DecodedChain, mayCreate: boolean): MemoryTable {
  const was = table.chains.get(decoded.name);
  const { base } = decoded;
  if (!was) {
    if (!mayCreate) throw new Refusal(Errno.ENOENT);
    return { ...table, chains: withEntry(table.chains, decoded.name, { decoded, rules: [] }) };
  }
  if (base && JSON.stringify(base) !== JSON.stringify(was.decoded.base)) throw new Refusal(Errno.EEXIST);
  const { policy } = decoded;
  const oldBase = was.decoded.base;
  if (policy === undefined || !oldBase || oldBase === "foreign") return table;
  const repoliced = { ...was, decoded: { ...was.decoded, base: { ...oldBase, policy } } };
  return { ...table, chains: withEntry(table.chains, decoded.name, repoliced) };
}

function withoutChain(table: MemoryTable, name: string): MemoryTable {
  const chain = found(table.chains, name);
  const isTarget =
    expressionsOf(table).some((one) => one.name === "verdict" && "chain" in one && one.chain === name) ||
    [...table.sets.values()].some(({ elements }) => [...elements.values()].some((element) => element.chain === name));
  if (chain.rules.length > 0 || isTarget) throw new Refusal(Errno.EBUSY);
  return { ...table, chains: without(table.chains, name) };
}

function withRule(table: MemoryTable, payload: Uint8Array): MemoryTable {
  const { chain, rule } = decodeRule(payload);
  const was = found(table.chains, chain);
  for (const one of rule.expressions) {
    if (one.name === "lookup") found(table.sets, one.set);
    if (one.name === "verdict" && "chain" in one) found(table.chains, one.chain);
  }
  return { ...table, chains: withEntry(table.chains, chain, { ...was, rules: [...was.rules, { payload, rule }] }) };
}

const KEY = 1;
const DATA = 2;
const FLAGS = 3;
const DATA_VERDICT = 2;
const VERDICT_CHAIN = 2;

function* elementsIn(view: DataView): Generator<MemoryElement> {
  const elements: MemoryElement[] = [];
  const hex = (at: number, length: number) => Buffer.from(view.buffer, view.byteOffset + at, length).toString("hex");
  eachAttribute(view, { at: 0, end: view.byteLength }, (_type, at, length) => {
    let [key, data, isEnd] = ["", "", false];
    let chain: string | undefined;
    eachAttribute(view, { at, end: at + length }, (type, valueAt, valueLength) => {
      if (type === KEY) key = hex(valueAt, valueLength);
      else if (type === FLAGS) isEnd = (view.getUint32(valueAt) & ElementFlag.intervalEnd) !== 0;
      else if (type === DATA) {
        data = hex(valueAt, valueLength);
        chain = chainIn(view, valueAt, valueLength);
      }
    });
    const octets = Uint8Array.from(new Uint8Array(view.buffer, view.byteOffset + at, length));
    elements.push({ octets, key, isEnd, data, chain });
  });
  yield* elements;
}

function chainIn(view: DataView, at: number, length: number): string | undefined {
  let chain: string | undefined;
  eachAttribute(view, { at, end: at + length }, (type, verdictAt, verdictLength) => {
    if (type !== DATA_VERDICT) return;
    eachAttribute(view, { at: verdictAt, end: verdictAt + verdictLength }, (inner, nameAt, nameLength) => {
      if (inner === VERDICT_CHAIN) {
        chain = Buffer.from(view.buffer, view.byteOffset + nameAt, nameLength - 1).toString("utf8");
      }
    });
  });
  return chain;
}

const elementKey = ({ key, isEnd }: MemoryElement): string => `${key}${isEnd ? "e" : "s"}`;

function addElement(table: MemoryTable, elements: Map<string, MemoryElement>, element: MemoryElement): void {
  if (element.chain !== undefined) found(table.chains, element.chain);
  const was = elements.get(elementKey(element));
  if (was && was.data !== element.data) throw new Refusal(Errno.EBUSY);
  elements.set(elementKey(element), element);
}

/** Two starts without an end between them overlap. */
function checkIntervals(elements: ReadonlyMap<string, MemoryElement>): void {
  const sorted = [...elements.values()].sort((a, b) =>
    a.key === b.key ? Number(b.isEnd) - Number(a.isEnd) : a.key < b.key ? -1 : 1,
  );
  for (const [index, element] of sorted.entries()) {
    if (index > 0 && !element.isEnd && sorted[index - 1]?.isEnd === false) throw new Refusal(Errno.EEXIST);
  }
}
