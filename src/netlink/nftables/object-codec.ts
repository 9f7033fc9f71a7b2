/**
 * Tables, chains, rules and sets in octets: after the netlink header
 *
 *     | family:1 | version:1 (0) | resource:2 | attributes…      struct nfgenmsg, linux/netfilter/nfnetlink.h
 *
 * What is decoded may be somebody else's and beyond our trees: such a chain or set keeps its name and is marked.
 */
import type { Writer } from "../../wire/writer.ts";
import {
  type AttributeCodec,
  AttributeSet,
  listOf,
  nested,
  octets,
  text,
  u32Network,
  u64Network,
} from "../attributes.ts";
import { NetlinkFormatError } from "../message.ts";
import {
  families,
  familyOfNumber,
  hookNumber,
  hookOfNumber,
  SetFlag,
  type TableFamily,
  VERDICT_DATA,
} from "./codes.ts";
import { typeId, typesOfId } from "./data-type.ts";
import { checkKeyOctets, keyOctets } from "./element.ts";
import type { ElementShape } from "./element-codec.ts";
import { NftTreeError } from "./errors.ts";
import { expressions } from "./expression-codec.ts";
import type { BaseChain, NftChain, NftMap, NftRule, NftSet, NftTable, TableKey } from "./tree.ts";
import { commentOf, commentUserdata, type SetFacts, setCommentOf, setUserdata } from "./userdata.ts";

export const NFGEN_OCTETS = 4;
const NFTA_LIST_ELEM = 1;
const NFT_NAME_MAXLEN = 256;

const i32Network: AttributeCodec<number> = {
  decode: (view, at, length) => u32Network.decode(view, at, length) | 0,
  encode: (writer, value) => writer.u32(value >>> 0),
};

const hookSet = new AttributeSet({
  number: [1, u32Network],
  priority: [2, i32Network],
  device: [3, text],
  devices: [4, listOf(text, NFTA_LIST_ELEM)],
});
const tableSet = new AttributeSet({ name: [1, text], flags: [2, u32Network], userdata: [6, octets] });
const chainSet = new AttributeSet({
  table: [1, text],
  name: [3, text],
  hook: [4, nested(hookSet)],
  policy: [5, u32Network],
  type: [7, text],
  userdata: [12, octets],
});
const ruleSet = new AttributeSet({
  table: [1, text],
  chain: [2, text],
  handle: [3, u64Network],
  expressions: [4, expressions],
  userdata: [7, octets],
});
const fieldSet = new AttributeSet({ length: [1, u32Network] });
const descriptionSet = new AttributeSet({
  size: [1, u32Network],
  fields: [2, listOf(nested(fieldSet), NFTA_LIST_ELEM)],
});
const setSet = new AttributeSet({
  table: [1, text],
  name: [2, text],
  flags: [3, u32Network],
  keyType: [4, u32Network],
  keyLength: [5, u32Network],
  dataType: [6, u32Network],
  dataLength: [7, u32Network],
  description: [9, nested(descriptionSet)],
  id: [10, u32Network],
  timeout: [11, u64Network],
  userdata: [13, octets],
});
const elementListSet = new AttributeSet({ table: [1, text], set: [2, text], elements: [3, octets] });
const generationSet = new AttributeSet({ id: [1, u32Network] });

/** struct nfgenmsg. */
export function writeFamily(writer: Writer, family: TableFamily | undefined, resource = 0): void {
  writer.u8(family === undefined ? 0 : families[family]);
  writer.u8(0);
  writer.u16(resource);
}

/** Throws NftTreeError `badName`. */
export function checkName(name: string, where: string): void {
  const { length } = new TextEncoder().encode(name);
  if (length > 0 && length < NFT_NAME_MAXLEN && !name.includes("\0")) return;
  throw new NftTreeError("badName", `${where}: a name has 1 to ${NFT_NAME_MAXLEN - 1} octets`, { where });
}

export function writeTable(writer: Writer, { name, comment }: Pick<NftTable, "name" | "comment">): void {
  checkName(name, `table '${name}'`);
  tableSet.encode(writer, { name, flags: 0, userdata: commentUserdata(comment, `table ${name}`) });
}

/** A table by its name, to remove it or to list what is in it. */
export const writeTableName = (writer: Writer, name: string): void => tableSet.encode(writer, { name });

function hookOf(family: TableFamily, chain: string, { hook, priority, devices }: BaseChain) {
  const where = `chain ${chain}`;
  const number = hookNumber(family, hook);
  if (number === undefined)
    throw new NftTreeError("badHook", `${where}: family ${family} has no hook ${hook}`, { where });
  if (devices?.length === 0) throw new NftTreeError("badHook", `${where}: no device`, { where });
  const [device, ...more] = devices ?? [];
  if (device === undefined) return { number, priority };
  return more.length === 0 ? { number, priority, device } : { number, priority, devices };
}

export function writeChain(writer: Writer, table: TableKey, { name, base, comment }: NftChain): void {
  checkName(name, `chain '${name}'`);
  chainSet.encode(writer, {
    table: table.name,
    name,
    ...(base ? { type: base.type, policy: POLICY[base.policy], hook: hookOf(table.family, name, base) } : {}),
    userdata: commentUserdata(comment, `chain ${name}`),
  });
}
/** NF_DROP, NF_ACCEPT. */
const POLICY = { drop: 0, accept: 1 } as const;

/** A chain by its name, to remove it; with a policy, to change that. */
export function writeChainName(writer: Writer, table: string, name: string, policy?: BaseChain["policy"]): void {
  chainSet.encode(writer, { table, name, policy: policy === undefined ? undefined : POLICY[policy] });
}

export function writeRule(writer: Writer, table: string, chain: string, rule: NftRule): void {
  const userdata = commentUserdata(rule.comment, `rule of chain ${chain}`);
  ruleSet.encode(writer, { table, chain, expressions: rule.expressions, userdata });
}

/** All rules of a chain, to remove or to list them. */
export const writeRulesOf = (writer: Writer, table: string, chain?: string): void =>
  ruleSet.encode(writer, { table, chain });

/** `id` names the set inside its transaction. Throws NftTreeError `badName`, `tooLarge`. */
export function writeSet(writer: Writer, table: string, set: NftSet | NftMap, id: number): void {
  const where = `set ${set.name}`;
  checkName(set.name, `set '${set.name}'`);
  checkKeyOctets(set.key, where);
  const shape: ElementShape & SetFacts = set;
  const { data } = shape;
  if (data !== undefined && data !== "verdict") checkKeyOctets(data, where);
  const isRangeOfFields = set.interval === true && set.key.length > 1;
  const flags =
    (set.interval ? SetFlag.interval : 0) |
    (data === undefined ? 0 : SetFlag.map) |
    (isRangeOfFields ? SetFlag.concatenation : 0);
  setSet.encode(writer, {
    table,
    name: set.name,
    flags,
    keyType: typeId(set.key),
    keyLength: keyOctets(set.key),
    ...(data === undefined ? {} : dataAttributes(data)),
    ...(isRangeOfFields ? { description: { fields: set.key.map((type) => ({ length: keyOctets([type]) })) } } : {}),
    id,
    userdata: setUserdata(shape),
  });
}

const dataAttributes = (data: NftMap["data"]) =>
  data === "verdict"
    ? { dataType: VERDICT_DATA, dataLength: 0 }
    : { dataType: typeId(data), dataLength: keyOctets(data) };

/** A set by its name, to remove it; without one all of a table, to list them. */
export const writeSetName = (writer: Writer, table: string, name?: string): void =>
  setSet.encode(writer, { table, name });

/** The attributes before the list of elements (NFTA_SET_ELEM_LIST_*). */
export const writeElementListHead = (writer: Writer, table: string, set: string): void =>
  elementListSet.encode(writer, { table, set });
export const NFTA_SET_ELEM_LIST_ELEMENTS = 3;

export const writeGeneration = (writer: Writer, id: number): void => generationSet.encode(writer, { id });

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
  readonly comment?: string | undefined;
}

export function decodeChain(payload: Uint8Array): DecodedChain {
  const body = bodyOf(payload);
  const { table, name, hook, policy, type, userdata } = attributesOf(chainSet, body);
  const decoded = { family: body.family, table: named(table), name: named(name), comment: commentOf(userdata) };
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
