/** Tables, chains, rules and sets to octets: what follows the netlink header. */
import type { Writer } from "../../wire/writer.ts";
import { families, hookNumber, SetFlag, type TableFamily, VERDICT_DATA } from "./codes.ts";
import { typeId } from "./data-type.ts";
import { checkKeyOctets, keyOctets } from "./element.ts";
import type { ElementShape } from "./element-codec.ts";
import { NftTreeError } from "./errors.ts";
import { chainSet, elementListSet, generationSet, POLICY, ruleSet, setSet, tableSet } from "./object-attributes.ts";
import type { BaseChain, NftChain, NftMap, NftRule, NftSet, NftTable, TableKey } from "./tree.ts";
import { commentUserdata, type SetFacts, setUserdata } from "./userdata.ts";

const NFT_NAME_MAXLEN = 256;

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
