/**
 * User data of tables, chains, rules and sets: octets that the kernel carries and nft reads (libnftnl udata.h), as
 * | type:1 | length:1 | value |. Without it `nft list` prints neither comments nor values whose order it cannot guess.
 */
import { Writer } from "../../wire/writer.ts";
import { type DataType, dataTypes } from "./data-type.ts";
import { NftTreeError } from "./errors.ts";

/** NFTNL_UDATA_{TABLE,CHAIN,RULE}_COMMENT. */
const COMMENT = 0;
/** NFTNL_UDATA_SET_*. */
const SET_KEY_BYTE_ORDER = 0;
const SET_DATA_BYTE_ORDER = 1;
const SET_COMMENT = 7;
/** nft's enum byteorder; concatenations and verdicts have none. */
const byteOrders = { none: 0, host: 1, big: 2 } as const;
/** NFTNL_UDATA_COMMENT_MAXLEN, with the zero octet behind the text. */
const COMMENT_OCTETS = 128;

function comment(writer: Writer, type: number, text: string, where: string): void {
  const octets = new TextEncoder().encode(text);
  if (octets.length >= COMMENT_OCTETS || octets.includes(0)) {
    throw new NftTreeError("badName", `${where}: a comment has at most ${COMMENT_OCTETS - 1} octets and no zero`, {
      where,
    });
  }
  writer.u8(type);
  writer.u8(octets.length + 1);
  writer.octets(octets);
  writer.u8(0);
}

/** undefined without a comment. Throws NftTreeError `badName`. */
export function commentUserdata(text: string | undefined, where: string): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const writer = new Writer(16);
  comment(writer, COMMENT, text, where);
  return writer.finish();
}

export interface SetFacts {
  readonly name: string;
  readonly key: readonly DataType[];
  readonly data?: "verdict" | readonly DataType[];
  readonly comment?: string;
}

const orderOf = (types: "verdict" | readonly DataType[]): number => {
  const [only, ...more] = types === "verdict" ? [] : types;
  return byteOrders[only === undefined || more.length > 0 ? "none" : dataTypes[only].order];
};

export function setUserdata({ name, key, data, ...rest }: SetFacts): Uint8Array {
  const writer = new Writer(32);
  const order = (type: number, value: number): void => {
    writer.u8(type);
    writer.u8(4);
    writer.u32Host(value);
  };
  order(SET_KEY_BYTE_ORDER, orderOf(key));
  if (data !== undefined) order(SET_DATA_BYTE_ORDER, orderOf(data));
  if (rest.comment !== undefined) comment(writer, SET_COMMENT, rest.comment, `set ${name}`);
  return writer.finish();
}

/** The text of one entry; undefined when there is none, or when the octets are not nft's. */
function textOf(userdata: Uint8Array | undefined, wanted: number): string | undefined {
  if (!userdata) return undefined;
  for (let at = 0; at + 2 <= userdata.length; ) {
    const length = userdata[at + 1] ?? 0;
    const value = userdata.subarray(at + 2, at + 2 + length);
    if (value.length < length) return undefined;
    if (userdata[at] === wanted) {
      const end = value.indexOf(0);
      return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
    }
    at += 2 + length;
  }
  return undefined;
}

export const commentOf = (userdata: Uint8Array | undefined): string | undefined => textOf(userdata, COMMENT);
export const setCommentOf = (userdata: Uint8Array | undefined): string | undefined => textOf(userdata, SET_COMMENT);
