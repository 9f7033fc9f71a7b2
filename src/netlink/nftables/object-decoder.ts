/**
 * Tables, chains, rules and sets from octets. What is read may be somebody else's and beyond our trees: such a chain or
 * set keeps its name and is marked. Everything here throws NetlinkFormatError and nothing else.
 */
import { AttributeSet, text } from "../attributes.ts";
import { NetlinkFormatError } from "../message.ts";
import { familyOfNumber, hookOfNumber, SetFlag, type TableFamily, VERDICT_DATA } from "./codes.ts";
import { typesOfId } from "./data-type.ts";
import { keyOctets } from "./element.ts";
import type { ElementShape } from "./element-codec.ts";
import {
  chainSet,
  elementListSet,
  generationSet,
  NFGEN_OCTETS,
  POLICY,
  ruleSet,
  setSet,
  tableSet,
} from "./object-attributes.ts";
import type { BaseChain, NftRule } from "./tree.ts";
import { commentOf, type SetFacts, setCommentOf } from "./userdata.ts";

interface Body {
  readonly view: DataView;
  readonly family: TableFamily | undefined;
}

function bodyOf(payload: Uint8Array): Body {
  if (payload.length < NFGEN_OCTETS) throw new NetlinkFormatError("cutMessage", "half a netfilter header", 0);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return { view, family: familyOfNumber(view.getUint8(0)) };
}

const attributesOf = <S extends { decode(view: DataView, at: number, end: number): unknown }>(set: S, { view }: Body) =>
  set.decode(view, NFGEN_OCTETS, view.byteLength) as ReturnType<S["decode"]>;

const named = (name: string | undefined): string => {
  if (name === undefined) throw new NetlinkFormatError("badAttribute", "an object without its name", NFGEN_OCTETS);
  return name;
};

/** What every message of nf_tables says: whose table it is about. The first attribute of all objects is the table. */
export function decodeTableKey(payload: Uint8Array): {
  readonly family?: TableFamily | undefined;
  readonly name?: string | undefined;
} {
  const body = bodyOf(payload);
  return { family: body.family, name: attributesOf(tableNameSet, body).name };
}
const tableNameSet = new AttributeSet({ name: [1, text] });

/** Throws NetlinkFormatError, as all decoders here. */
export function decodeGeneration(payload: Uint8Array): number {
  const { id } = attributesOf(generationSet, bodyOf(payload));
  if (id === undefined) throw new NetlinkFormatError("badAttribute", "a generation without its number", NFGEN_OCTETS);
  return id;
}

export interface DecodedTable {
  readonly family: TableFamily | undefined;
  readonly name: string;
  readonly comment?: string | undefined;
}

export function decodeTable(payload: Uint8Array): DecodedTable {
  const body = bodyOf(payload);
  const { name, userdata } = attributesOf(tableSet, body);
  return { family: body.family, name: named(name), comment: commentOf(userdata) };
}

export interface DecodedChain {
  readonly family: TableFamily | undefined;
  readonly table: string;
  readonly name: string;
  /** `foreign`: a hook or a type that our trees have no word for. */
  readonly base?: BaseChain | "foreign";
  readonly policy?: BaseChain["policy"] | undefined;
  readonly comment?: string | undefined;
}

export function decodeChain(payload: Uint8Array): DecodedChain {
  const body = bodyOf(payload);
  const { table, name, hook, policy, type, userdata } = attributesOf(chainSet, body);
  const head = { family: body.family, table: named(table), name: named(name), comment: commentOf(userdata) };
  const decoded =
    policy === undefined ? head : ({ ...head, policy: policy === POLICY.drop ? "drop" : "accept" } as const);
  if (!hook) return decoded;
  const hookName = body.family && hook.number !== undefined ? hookOfNumber(body.family, hook.number) : undefined;
  if (!hookName || (type !== "filter" && type !== "nat" && type !== "route")) return { ...decoded, base: "foreign" };
  const devices = hook.devices ?? (hook.device === undefined ? undefined : [hook.device]);
  const base: BaseChain = {
    type,
    hook: hookName,
    priority: hook.priority ?? 0,
    policy: policy === POLICY.drop ? "drop" : "accept",
    ...(devices ? { devices: devices.toSorted() } : {}),
  };
  return { ...decoded, base };
}

export interface DecodedRule {
  readonly family: TableFamily | undefined;
  readonly table: string;
  readonly chain: string;
  readonly handle: bigint;
  readonly rule: NftRule;
}

export function decodeRule(payload: Uint8Array): DecodedRule {
  const body = bodyOf(payload);
  const { table, chain, handle = 0n, expressions = [], userdata } = attributesOf(ruleSet, body);
  const comment = commentOf(userdata);
  const rule: NftRule = { expressions, ...(comment === undefined ? {} : { comment }) };
  return { family: body.family, table: named(table), chain: named(chain), handle, rule };
}

export interface DecodedSet {
  readonly family: TableFamily | undefined;
  readonly table: string;
  readonly name: string;
  /** Made by a rule and gone with it. */
  readonly isAnonymous: boolean;
  /** undefined: a set that our trees have no words for. */
  readonly shape?: (ElementShape & SetFacts) | undefined;
}

const KNOWN_SET_FLAGS = SetFlag.interval | SetFlag.map | SetFlag.concatenation | SetFlag.constant | SetFlag.anonymous;

export function decodeSet(payload: Uint8Array): DecodedSet {
  const body = bodyOf(payload);
  const {
    table,
    flags = 0,
    keyType = 0,
    keyLength,
    dataType = 0,
    dataLength,
    userdata,
    ...rest
  } = attributesOf(setSet, body);
  const name = named(rest.name);
  const isAnonymous = (flags & SetFlag.anonymous) !== 0;
  const decoded = { family: body.family, table: named(table), name, isAnonymous };
  const key = typesOfId(keyType);
  if (!key || keyOctets(key) !== keyLength || (flags & ~KNOWN_SET_FLAGS) !== 0 || rest.timeout !== undefined)
    return decoded;
  const shape = { name, key, ...((flags & SetFlag.interval) !== 0 ? { interval: true } : {}) };
  const comment = setCommentOf(userdata);
  const withComment = comment === undefined ? shape : { ...shape, comment };
  if ((flags & SetFlag.map) === 0) return { ...decoded, shape: withComment };
  if (dataType === VERDICT_DATA) return { ...decoded, shape: { ...withComment, data: "verdict" } };
  const data = typesOfId(dataType);
  if (!data || keyOctets(data) !== dataLength) return decoded;
  return { ...decoded, shape: { ...withComment, data } };
}

export interface DecodedElements {
  readonly table: string;
  readonly set: string;
  /** Where the list lies; read it with `readElements`. */
  readonly view: DataView;
}

export function decodeElements(payload: Uint8Array): DecodedElements {
  const { table, set, elements = new Uint8Array() } = attributesOf(elementListSet, bodyOf(payload));
  const view = new DataView(elements.buffer, elements.byteOffset, elements.length);
  return { table: named(table), set: named(set), view };
}
