/**
 * One row of facts for each kind of expression: the kernel's name, its attributes (NFTA_PAYLOAD_*, NFTA_META_* …), and
 * both ways between them and ours. A row answers undefined for what it cannot say without loss.
 */
import type { Writer } from "../../wire/writer.ts";
import {
  type AttributeCodec,
  AttributeSet,
  type AttributesOf,
  type AttributeTable,
  nested,
  text,
  u8,
  u16Network,
  u32Network,
  u64Network,
} from "../attributes.ts";
import { VERDICT_REGISTER } from "./codes.ts";
import {
  comparisons,
  ctKeys,
  type Expression,
  type ExpressionName,
  type ExpressionOf,
  fibFlags,
  fibResults,
  type Hex,
  limitTypes,
  metaKeys,
  natFlags,
  payloadBases,
  type RegisterRange,
  rejectTypes,
} from "./expression.ts";
import { verdictAttributes, verdictFrom, verdictSet } from "./verdict-codec.ts";

export interface ExpressionRow {
  readonly kernelName: string;
  decode(view: DataView, at: number, length: number): Expression | undefined;
  encode(writer: Writer, expression: Expression): void;
}

function row<const T extends AttributeTable, E extends Expression>(
  kernelName: string,
  table: T,
  read: (attributes: AttributesOf<T>) => E | undefined,
  write: (expression: E) => AttributesOf<T>,
): ExpressionRow {
  const set = new AttributeSet(table);
  return {
    kernelName,
    decode: (view, at, length) => read(set.decode(view, at, at + length)),
    encode: (writer, expression) => set.encode(writer, write(expression as E)),
  };
}

const hex: AttributeCodec<Hex> = {
  decode: (view, at, length) => Buffer.from(view.buffer, view.byteOffset + at, length).toString("hex"),
  encode: (writer, value) => writer.octets(Buffer.from(value, "hex")),
};
/** NFTA_DATA_*. */
const data = nested(new AttributeSet({ value: [1, hex], verdict: [2, nested(verdictSet)] }));

/** The name of a number, undefined when the table has none. */
function named<N extends string>(table: Readonly<Record<N, number>>, number: number | undefined): N | undefined {
  for (const name in table) if (table[name] === number) return name;
  return undefined;
}

/** The names of the bits in a number, in the table's order; undefined when a bit has none. */
function flagsOf<N extends string>(table: Readonly<Record<N, number>>, number: number): N[] | undefined {
  const found: N[] = [];
  let left = number;
  for (const name in table) {
    if ((number & table[name]) === 0) continue;
    found.push(name);
    left &= ~table[name];
  }
  return left === 0 ? found : undefined;
}

const bitsOf = <N extends string>(table: Readonly<Record<N, number>>, names: readonly N[]): number =>
  names.reduce((bits, name) => bits | table[name], 0);

/** NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED: what registers given imply. */
const NAT_ADDRESSES = 1;
const NAT_PORTS = 2;
const SNAT = 0;
const DNAT = 1;
const NFPROTO_IPV4 = 2;
const NFPROTO_IPV6 = 10;
/** What the kernel takes for no level: warning. */
const LOG_LEVEL_DEFAULT = 4;
const LIMIT_OVER = 1;
const LOOKUP_INVERTED = 1;

const range = <K extends "addresses" | "ports">(key: K, low: number | undefined, high: number | undefined) =>
  (low === undefined ? {} : { [key]: { low, high: high ?? low } }) as { readonly [key in K]?: RegisterRange };
const natFlagsFrom = (flags = 0) => flagsOf(natFlags, flags & ~(NAT_ADDRESSES | NAT_PORTS));
const noneIfZero = (flags: number): number | undefined => (flags === 0 ? undefined : flags);

export const expressionRows: { readonly [N in Exclude<ExpressionName, "unknown">]: ExpressionRow } = {
  payload: row(
    "payload",
    {
      to: [1, u32Network],
      base: [2, u32Network],
      offset: [3, u32Network],
      length: [4, u32Network],
      from: [5, u32Network],
    },
    ({ to, offset, length, from, ...rest }) => {
      const base = named(payloadBases, rest.base);
      if (!base || to === undefined || offset === undefined || length === undefined || from !== undefined)
        return undefined;
      return { name: "payload", base, offset, length, to };
    },
    ({ to, base, offset, length }: ExpressionOf<"payload">) => ({ to, base: payloadBases[base], offset, length }),
  ),
  meta: row(
    "meta",
    { to: [1, u32Network], key: [2, u32Network] },
    ({ to, ...rest }) => {
      const key = named(metaKeys, rest.key);
      return key && to !== undefined ? { name: "meta", key, to } : undefined;
    },
    ({ key, to }: ExpressionOf<"meta">) => ({ key: metaKeys[key], to }),
  ),
  metaSet: row(
    "meta",
    { key: [2, u32Network], from: [3, u32Network] },
    ({ from, ...rest }) => {
      const key = named(metaKeys, rest.key);
      return key && from !== undefined ? { name: "metaSet", key, from } : undefined;
    },
    ({ key, from }: ExpressionOf<"metaSet">) => ({ key: metaKeys[key], from }),
  ),
  ct: row(
    "ct",
    { to: [1, u32Network], key: [2, u32Network], direction: [3, u8] },
    ({ to, direction, ...rest }) => {
      const key = named(ctKeys, rest.key);
      return key && to !== undefined && direction === undefined ? { name: "ct", key, to } : undefined;
    },
    ({ key, to }: ExpressionOf<"ct">) => ({ key: ctKeys[key], to }),
  ),
  ctSet: row(
    "ct",
    { key: [2, u32Network], direction: [3, u8], from: [4, u32Network] },
    ({ from, direction, ...rest }) => {
      const key = named(ctKeys, rest.key);
      return key && from !== undefined && direction === undefined ? { name: "ctSet", key, from } : undefined;
    },
    ({ key, from }: ExpressionOf<"ctSet">) => ({ key: ctKeys[key], from }),
  ),
  fib: row(
    "fib",
    { to: [1, u32Network], result: [2, u32Network], flags: [3, u32Network] },
    ({ to, ...rest }) => {
      const result = named(fibResults, rest.result);
      const flags = flagsOf(fibFlags, rest.flags ?? 0);
      return result && flags && to !== undefined ? { name: "fib", flags, result, to } : undefined;
    },
    ({ to, result, flags }: ExpressionOf<"fib">) => ({
      to,
      result: fibResults[result],
      flags: bitsOf(fibFlags, flags),
    }),
  ),
  numgen: row(
    "numgen",
    { to: [1, u32Network], modulus: [2, u32Network], type: [3, u32Network], offset: [4, u32Network] },
    ({ to, modulus, type, offset = 0 }) => {
      if (to === undefined || modulus === undefined || (type !== 0 && type !== 1)) return undefined;
      return { name: "numgen", mode: type === 0 ? "incremental" : "random", modulus, offset, to };
    },
    ({ to, modulus, mode, offset }: ExpressionOf<"numgen">) => ({
      to,
      modulus,
      type: mode === "incremental" ? 0 : 1,
      offset,
    }),
  ),
  bitwise: row(
    "bitwise",
    {
      from: [1, u32Network],
      to: [2, u32Network],
      length: [3, u32Network],
      mask: [4, data],
      xor: [5, data],
      op: [6, u32Network],
    },
    ({ from, to, op = 0, ...rest }) => {
      const mask = rest.mask?.value;
      const xor = rest.xor?.value;
      if (from === undefined || to === undefined || op !== 0 || mask === undefined || xor === undefined)
        return undefined;
      return { name: "bitwise", from, to, mask, xor };
    },
    ({ from, to, mask, xor }: ExpressionOf<"bitwise">) => ({
      from,
      to,
      length: mask.length / 2,
      mask: { value: mask },
      xor: { value: xor },
    }),
  ),
  byteorder: row(
    "byteorder",
    { from: [1, u32Network], to: [2, u32Network], op: [3, u32Network], length: [4, u32Network], size: [5, u32Network] },
    ({ from, to, op, length, size }) => {
      if (from === undefined || to === undefined || length === undefined || size === undefined) return undefined;
      return { name: "byteorder", from, to, op: op === 1 ? "hton" : "ntoh", length, size };
    },
    ({ from, to, op, length, size }: ExpressionOf<"byteorder">) => ({
      from,
      to,
      op: op === "hton" ? 1 : 0,
      length,
      size,
    }),
  ),
  cmp: row(
    "cmp",
    { from: [1, u32Network], op: [2, u32Network], data: [3, data] },
    ({ from, ...rest }) => {
      const op = named(comparisons, rest.op);
      const value = rest.data?.value;
      return op && from !== undefined && value !== undefined ? { name: "cmp", op, from, value } : undefined;
    },
    ({ from, op, value }: ExpressionOf<"cmp">) => ({ from, op: comparisons[op], data: { value } }),
  ),
  range: row(
    "range",
    { from: [1, u32Network], op: [2, u32Network], low: [3, data], high: [4, data] },
    ({ from, op, ...rest }) => {
      const low = rest.low?.value;
      const high = rest.high?.value;
      if (from === undefined || low === undefined || high === undefined || op === undefined || op > 1) return undefined;
      return { name: "range", op: op === 0 ? "eq" : "neq", from, low, high };
    },
    ({ from, op, low, high }: ExpressionOf<"range">) => ({
      from,
      op: op === "eq" ? 0 : 1,
      low: { value: low },
      high: { value: high },
    }),
  ),
  lookup: row(
    "lookup",
    { set: [1, text], from: [2, u32Network], to: [3, u32Network], flags: [5, u32Network] },
    ({ set, from, to, flags = 0 }) => {
      if (set === undefined || from === undefined || flags > LOOKUP_INVERTED) return undefined;
      return {
        name: "lookup",
        set,
        from,
        ...(to === undefined ? {} : { to }),
        ...(flags === LOOKUP_INVERTED ? { inverted: true } : {}),
      };
    },
    ({ set, from, to, inverted }: ExpressionOf<"lookup">) => ({
      set,
      from,
      to,
      flags: inverted ? LOOKUP_INVERTED : undefined,
    }),
  ),
  immediate: row(
    "immediate",
    { to: [1, u32Network], data: [2, data] },
    ({ to, ...rest }) => {
      const value = rest.data?.value;
      return to !== undefined && value !== undefined ? { name: "immediate", to, value } : undefined;
    },
    ({ to, value }: ExpressionOf<"immediate">) => ({ to, data: { value } }),
  ),
  verdict: row(
    "immediate",
    { to: [1, u32Network], data: [2, data] },
    ({ to, ...rest }) => {
      const verdict = rest.data?.verdict && verdictFrom(rest.data.verdict);
      return to === VERDICT_REGISTER && verdict ? { name: "verdict", ...verdict } : undefined;
    },
    (verdict: ExpressionOf<"verdict">) => ({
      to: VERDICT_REGISTER,
      data: { verdict: verdictAttributes(verdict) },
    }),
  ),
  counter: row(
    "counter",
    { bytes: [1, u64Network], packets: [2, u64Network] },
    ({ bytes = 0n, packets = 0n }) => ({ name: "counter", packets, bytes }),
    (_counter: ExpressionOf<"counter">) => ({}),
  ),
  masq: row(
    "masq",
    { flags: [1, u32Network], low: [2, u32Network], high: [3, u32Network] },
    ({ low, high, ...rest }) => {
      const flags = natFlagsFrom(rest.flags);
      return flags && { name: "masq", flags, ...range("ports", low, high) };
    },
    ({ flags, ports }: ExpressionOf<"masq">) => ({
      flags: noneIfZero(bitsOf(natFlags, flags) | (ports ? NAT_PORTS : 0)),
      low: ports?.low,
      high: ports?.high,
    }),
  ),
  nat: row(
    "nat",
    {
      type: [1, u32Network],
      family: [2, u32Network],
      lowAddress: [3, u32Network],
      highAddress: [4, u32Network],
      lowPort: [5, u32Network],
      highPort: [6, u32Network],
      flags: [7, u32Network],
    },
    ({ type, family, lowAddress, highAddress, lowPort, highPort, ...rest }) => {
      const flags = natFlagsFrom(rest.flags);
      if (!flags || (type !== SNAT && type !== DNAT) || (family !== NFPROTO_IPV4 && family !== NFPROTO_IPV6))
        return undefined;
      return {
        name: "nat",
        type: type === SNAT ? "snat" : "dnat",
        family: family === NFPROTO_IPV4 ? "ip" : "ip6",
        ...range("addresses", lowAddress, highAddress),
        ...range("ports", lowPort, highPort),
        flags,
      };
    },
    ({ type, family, addresses, ports, flags }: ExpressionOf<"nat">) => ({
      type: type === "snat" ? SNAT : DNAT,
      family: family === "ip" ? NFPROTO_IPV4 : NFPROTO_IPV6,
      lowAddress: addresses?.low,
      highAddress: addresses?.high,
      lowPort: ports?.low,
      highPort: ports?.high,
      flags: noneIfZero(bitsOf(natFlags, flags) | (addresses ? NAT_ADDRESSES : 0) | (ports ? NAT_PORTS : 0)),
    }),
  ),
  redir: row(
    "redir",
    { low: [1, u32Network], high: [2, u32Network], flags: [3, u32Network] },
    ({ low, high, ...rest }) => {
      const flags = natFlagsFrom(rest.flags);
      return flags && { name: "redir", flags, ...range("ports", low, high) };
    },
    ({ flags, ports }: ExpressionOf<"redir">) => ({
      low: ports?.low,
      high: ports?.high,
      flags: noneIfZero(bitsOf(natFlags, flags) | (ports ? NAT_PORTS : 0)),
    }),
  ),
  notrack: row(
    "notrack",
    {},
    () => ({ name: "notrack" }),
    (_notrack: ExpressionOf<"notrack">) => ({}),
  ),
  reject: row(
    "reject",
    { type: [1, u32Network], code: [2, u8] },
    ({ code = 0, ...rest }) => {
      const type = named(rejectTypes, rest.type);
      return type && { name: "reject", type, code };
    },
    ({ type, code }: ExpressionOf<"reject">) => ({ type: rejectTypes[type], code }),
  ),
  log: row(
    "log",
    {
      group: [1, u16Network],
      prefix: [2, text],
      snapLength: [3, u32Network],
      queueThreshold: [4, u16Network],
      level: [5, u32Network],
      flags: [6, u32Network],
    },
    ({ prefix, level = LOG_LEVEL_DEFAULT, group, snapLength, queueThreshold, flags = 0 }) => {
      if (flags !== 0) return undefined;
      return {
        name: "log",
        ...(prefix === undefined || prefix === "" ? {} : { prefix }),
        ...(level === LOG_LEVEL_DEFAULT ? {} : { level }),
        ...(group === undefined ? {} : { group }),
        ...(snapLength ? { snapLength } : {}),
        ...(queueThreshold ? { queueThreshold } : {}),
      };
    },
    ({ prefix, level, group, snapLength, queueThreshold }: ExpressionOf<"log">) => ({
      group,
      prefix,
      snapLength,
      queueThreshold,
      level,
    }),
  ),
  limit: row(
    "limit",
    {
      rate: [1, u64Network],
      perSeconds: [2, u64Network],
      burst: [3, u32Network],
      type: [4, u32Network],
      flags: [5, u32Network],
    },
    ({ rate, perSeconds, burst = 0, flags = 0, ...rest }) => {
      const type = named(limitTypes, rest.type ?? 0);
      if (!type || rate === undefined || perSeconds === undefined || flags > LIMIT_OVER) return undefined;
      return { name: "limit", rate, perSeconds, burst, type, ...(flags === LIMIT_OVER ? { over: true } : {}) };
    },
    ({ rate, perSeconds, burst, type, over }: ExpressionOf<"limit">) => ({
      rate,
      perSeconds,
      burst,
      type: limitTypes[type],
      flags: over ? LIMIT_OVER : 0,
    }),
  ),
};
