/**
 * The attributes of tables, chains, rules and sets (NFTA_TABLE_*, NFTA_CHAIN_* …), and the structure before them:
 *
 *     | family:1 | version:1 (0) | resource:2 | attributes…      struct nfgenmsg, linux/netfilter/nfnetlink.h
 */
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
import { expressions } from "./expression-codec.ts";

export const NFGEN_OCTETS = 4;
const NFTA_LIST_ELEM = 1;

const i32Network: AttributeCodec<number> = {
  decode: (view, at, length) => u32Network.decode(view, at, length) | 0,
  encode: (writer, value) => writer.u32(value >>> 0),
};

export const hookSet = new AttributeSet({
  number: [1, u32Network],
  priority: [2, i32Network],
  device: [3, text],
  devices: [4, listOf(text, NFTA_LIST_ELEM)],
});
export const tableSet = new AttributeSet({ name: [1, text], flags: [2, u32Network], userdata: [6, octets] });
export const chainSet = new AttributeSet({
  table: [1, text],
  name: [3, text],
  hook: [4, nested(hookSet)],
  policy: [5, u32Network],
  type: [7, text],
  userdata: [12, octets],
});
export const ruleSet = new AttributeSet({
  table: [1, text],
  chain: [2, text],
  handle: [3, u64Network],
  expressions: [4, expressions],
  userdata: [7, octets],
});
export const fieldSet = new AttributeSet({ length: [1, u32Network] });
export const descriptionSet = new AttributeSet({
  size: [1, u32Network],
  fields: [2, listOf(nested(fieldSet), NFTA_LIST_ELEM)],
});
export const setSet = new AttributeSet({
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
export const elementListSet = new AttributeSet({ table: [1, text], set: [2, text], elements: [3, octets] });
export const generationSet = new AttributeSet({ id: [1, u32Network] });

/** NF_DROP, NF_ACCEPT: the policy of a base chain. */
export const POLICY = { drop: 0, accept: 1 } as const;
