/** What a rule matches: each statement lets a packet go on to the next, or ends the rule. */
import { addressOctets } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import { registerAt, WORD } from "./codes.ts";
import { dataTypes, octetsOf, valueOctets } from "./data-type.ts";
import { NftTreeError } from "./errors.ts";
import type { Comparison, Hex } from "./expression.ts";
import type { RuleContext, Statement } from "./rule.ts";
import { meta, type Need, type Selector } from "./selector.ts";

const hex = (octets: Uint8Array): Hex => Buffer.from(octets).toString("hex");

/** A number in the selector's order: big-endian in packets, the host's elsewhere. */
export function numberHex(selector: Selector, value: number): Hex {
  const octets = Buffer.alloc(selector.length);
  if (selector.load(1).name === "payload") octets.writeUIntBE(value, 0, selector.length);
  else octets.writeUIntLE(value, 0, selector.length);
  return octets.toString("hex");
}

/** What a selector is compared with: text of its type (`10.0.0.1`, `tcp`, `cali123`), or a number. */
export type Value = string | number;

function valueHex(selector: Selector, value: Value): Hex {
  if (typeof value === "number" && (selector.type === undefined || dataTypes[selector.type].order === "host"))
    return numberHex(selector, value);
  if (selector.type !== undefined) {
    return hex(octetsOf(valueOctets(selector.type, String(value), selector.words)));
  }
  throw new NftTreeError("badElement", `${selector.words} takes numbers, not '${value}'`, { where: selector.words });
}

const NFPROTO = { ip: 2, ip6: 10 } as const;

function need(rule: RuleContext, { layer, protocol }: Need): void {
  const { family, matched } = rule;
  if (matched[layer] === protocol) return;
  if (matched[layer] !== undefined) {
    const what = `${protocol} in a rule of family ${family} that has matched ${matched[layer]}`;
    throw new NftTreeError("badRule", what, { where: what });
  }
  if (layer === "transport") is(meta.l4proto, protocol)(rule);
  else if (family === "inet" && protocol !== "arp") is(meta.nfproto, NFPROTO[protocol])(rule);
  else is(meta.protocol, protocol)(rule);
}

/** Remembers what a comparison for equality has established. */
function remember({ matched }: RuleContext, selector: Selector, value: Value): void {
  if (selector === meta.l4proto || selector.words === "ip protocol" || selector.words === "ip6 nexthdr") {
    matched.transport = String(value);
  } else if (selector === meta.protocol) matched.network = String(value);
  else if (selector === meta.nfproto) {
    if (value === NFPROTO.ip) matched.network = "ip";
    if (value === NFPROTO.ip6) matched.network = "ip6";
  }
}

const compare =
  (selector: Selector, op: Comparison, value: Value): Statement =>
  (rule) => {
    if (selector.needs) need(rule, selector.needs);
    rule.expressions.push(selector.load(1), { name: "cmp", op, from: 1, value: valueHex(selector, value) });
    if (op === "eq") remember(rule, selector, value);
  };

export const is = (selector: Selector, value: Value): Statement => compare(selector, "eq", value);
export const isNot = (selector: Selector, value: Value): Statement => compare(selector, "neq", value);

/**
 * Registers compare as big-endian octets, so a number in host order is turned before "less" or "between" means anything.
 */
function loadOrdered(rule: RuleContext, selector: Selector): void {
  if (selector.needs) need(rule, selector.needs);
  const { length } = selector;
  const load = selector.load(1);
  rule.expressions.push(load);
  if (load.name === "payload") return;
  rule.expressions.push({ name: "byteorder", from: 1, to: 1, op: "hton", length, size: length });
}

function bigEndian({ length }: Selector, value: number): Hex {
  const octets = Buffer.alloc(length);
  octets.writeUIntBE(value, 0, length);
  return octets.toString("hex");
}

/** Whether a number lies between two, both inclusive. */
export const isBetween =
  (selector: Selector, low: number, high: number, op: "eq" | "neq" = "eq"): Statement =>
  (rule) => {
    loadOrdered(rule, selector);
    rule.expressions.push({
      name: "range",
      op,
      from: 1,
      low: bigEndian(selector, low),
      high: bigEndian(selector, high),
    });
  };

/** Whether a number is below a limit. */
export const isBelow =
  (selector: Selector, limit: number): Statement =>
  (rule) => {
    loadOrdered(rule, selector);
    rule.expressions.push({ name: "cmp", op: "lt", from: 1, value: bigEndian(selector, limit) });
  };

/** Whether the value has, of the bits in the mask, exactly those in `value`. */
export const isMasked =
  (selector: Selector, mask: number, value: number, op: "eq" | "neq" = "eq"): Statement =>
  (rule) => {
    if (selector.needs) need(rule, selector.needs);
    rule.expressions.push(
      selector.load(1),
      { name: "bitwise", from: 1, to: 1, mask: numberHex(selector, mask), xor: numberHex(selector, 0) },
      { name: "cmp", op, from: 1, value: numberHex(selector, value) },
    );
  };

/** Whether any of the bits is set: `ct state established,related`. */
export const hasAny = (selector: Selector, bits: number): Statement => isMasked(selector, bits, 0, "neq");

/** NF_CT_STATE_BIT. */
export const CtState = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const;
/** IPS_*: what conntrack did with the connection. */
export const CtStatus = { snat: 0x10, dnat: 0x20 } as const;
/** RTN_*, what `fib … type` answers. */
export const RouteType = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
} as const;

/** Whether an address lies in a prefix, or with `neq` outside of it. Whole octets are compared without a mask, as nft does. */
export const isWithin =
  (selector: Selector, prefix: Prefix, op: "eq" | "neq" = "eq"): Statement =>
  (rule) => {
    if (selector.needs) need(rule, selector.needs);
    const octets = addressOctets(prefix.address);
    if (octets.length !== selector.length) {
      throw new NftTreeError("badElement", `${selector.words} and a prefix of another family`, {
        where: selector.words,
      });
    }
    const load = selector.load(1);
    const whole = prefix.length / 8;
    if (prefix.length === 0) {
      if (op === "eq") return;
      throw new NftTreeError("badRule", `${selector.words}: nothing lies outside of every address`, {
        where: selector.words,
      });
    }
    if (Number.isInteger(whole) && load.name === "payload") {
      rule.expressions.push(
        { ...load, length: whole },
        { name: "cmp", op, from: 1, value: hex(octets.subarray(0, whole)) },
      );
      return;
    }
    const mask = new Uint8Array(octets.length);
    for (let bit = 0; bit < prefix.length; bit++) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
    rule.expressions.push(
      load,
      { name: "bitwise", from: 1, to: 1, mask: hex(mask), xor: "00".repeat(mask.length) },
      { name: "cmp", op, from: 1, value: hex(octets) },
    );
  };

/** Whether a device's name starts so: `iifname "cali*"`. */
export const startsWith =
  (selector: Selector, prefix: string): Statement =>
  (rule) => {
    rule.expressions.push(selector.load(1), {
      name: "cmp",
      op: "eq",
      from: 1,
      value: hex(new TextEncoder().encode(prefix)),
    });
  };

/** Loads the fields of a key one behind the other. */
function loadKey(rule: RuleContext, selectors: Selector | readonly Selector[]): void {
  const fields = "words" in selectors ? [selectors] : selectors;
  for (const { needs } of fields) if (needs) need(rule, needs);
  let word = 0;
  for (const selector of fields) {
    rule.expressions.push(selector.load(registerAt(word)));
    word += Math.ceil(selector.length / WORD);
  }
}

/** Membership of one selector, or of a concatenation. */
export const isIn =
  (selectors: Selector | readonly Selector[], set: string): Statement =>
  (rule) => {
    loadKey(rule, selectors);
    rule.expressions.push({ name: "lookup", set, from: 1 });
  };

export const isNotIn =
  (selectors: Selector | readonly Selector[], set: string): Statement =>
  (rule) => {
    loadKey(rule, selectors);
    rule.expressions.push({ name: "lookup", set, from: 1, inverted: true });
  };

/** The verdict that a map has for the key; without one the rule does not match. */
export const vmap =
  (selectors: Selector | readonly Selector[], map: string): Statement =>
  (rule) => {
    loadKey(rule, selectors);
    rule.expressions.push({ name: "lookup", set: map, from: 1, to: 0 });
  };
