/**
 * The statements of rules, in nft's words:
 *
 *     rule("ip", [isIn(ip.saddr, "pods"), isNotIn(ip.daddr, "pools"), counter, masquerade({ flags: ["fully-random"] })])
 *
 * A statement adds expressions to a rule under way, which remembers what protocols were matched already.
 */

import { addressOctets } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import { registerAt, type TableFamily, WORD } from "./codes.ts";
import { dataTypes, valueOctets } from "./data-type.ts";
import { NftTreeError } from "./errors.ts";
import type { Comparison, Expression, Hex, NatFlag, RejectType, Verdict } from "./expression.ts";
import { meta, type Need, type Selector } from "./selector.ts";
import type { NftRule } from "./tree.ts";

/** A rule under way. */
interface RuleContext {
  readonly family: TableFamily;
  readonly expressions: Expression[];
  /** Protocols that hold from here on, by layer. */
  readonly matched: { network?: string; transport?: string };
}
export type Statement = (rule: RuleContext) => void;

/** Throws NftTreeError `badRule`, `badElement`. */
export function rule(family: TableFamily, statements: readonly Statement[], comment?: string): NftRule {
  const matched = family === "ip" || family === "ip6" || family === "arp" ? { network: family } : {};
  const context: RuleContext = { family, expressions: [], matched };
  for (const statement of statements) statement(context);
  return { expressions: context.expressions, ...(comment === undefined ? {} : { comment }) };
}

const hex = (octets: Uint8Array): Hex => Buffer.from(octets).toString("hex");

/** A number in the selector's order: big-endian in packets, the host's elsewhere. */
function numberHex(selector: Selector, value: number): Hex {
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
  if (selector.type !== undefined) return hex(valueOctets(selector.type, String(value), selector.words));
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

const act =
  (...expressions: readonly Expression[]): Statement =>
  (rule) => {
    rule.expressions.push(...expressions);
  };
const verdict = (value: Verdict): Statement => act({ name: "verdict", ...value });

export const accept: Statement = verdict({ verdict: "accept" });
export const drop: Statement = verdict({ verdict: "drop" });
export const returns: Statement = verdict({ verdict: "return" });
export const jump = (chain: string): Statement => verdict({ verdict: "jump", chain });
export const goTo = (chain: string): Statement => verdict({ verdict: "goto", chain });
export const counter: Statement = act({ name: "counter" });
export const notrack: Statement = act({ name: "notrack" });

/** Keeps the mark's bits in `keep` and sets those in `set`: meta mark = (mark & keep) | set. */
export const setMark =
  (keep: number, set: number): Statement =>
  (rule) => {
    const mask = numberHex(meta.mark, (keep & ~set) >>> 0);
    rule.expressions.push(
      meta.mark.load(1),
      { name: "bitwise", from: 1, to: 1, mask, xor: numberHex(meta.mark, set >>> 0) },
      { name: "metaSet", key: "mark", from: 1 },
    );
  };
const ALL_BITS = 0xffffffff;
export const orMark = (bits: number): Statement => setMark(ALL_BITS, bits);
export const clearMark = (bits: number): Statement => setMark(~bits >>> 0, 0);

export interface PortRange {
  /** 1 … 65535, both inclusive. */
  readonly low: number;
  readonly high: number;
}

const port = (value: number): Hex => value.toString(16).padStart(4, "0");

/** Source address of the device by which the packet leaves. Ports need a transport protocol matched before. */
export const masquerade = ({
  flags = [],
  ports,
}: {
  readonly flags?: readonly NatFlag[];
  readonly ports?: PortRange;
} = {}): Statement =>
  ports
    ? act(
        { name: "immediate", to: 1, value: port(ports.low) },
        { name: "immediate", to: 2, value: port(ports.high) },
        { name: "masq", flags, ports: { low: 1, high: 2 } },
      )
    : act({ name: "masq", flags });

const translate =
  (type: "snat" | "dnat") =>
  ({
    to,
    ports,
    flags = [],
  }: {
    readonly to: Prefix["address"];
    readonly ports?: PortRange;
    readonly flags?: readonly NatFlag[];
  }): Statement =>
    act(
      { name: "immediate", to: 1, value: hex(addressOctets(to)) },
      ...(ports
        ? ([
            { name: "immediate", to: 2, value: port(ports.low) },
            { name: "immediate", to: 3, value: port(ports.high) },
          ] as const)
        : []),
      {
        name: "nat",
        type,
        family: typeof to === "number" ? "ip" : "ip6",
        addresses: { low: 1, high: 1 },
        ...(ports ? { ports: { low: 2, high: 3 } } : {}),
        flags,
      },
    );
/** To one address, and to a range of ports where a transport protocol was matched before. */
export const snat = translate("snat");
export const dnat = translate("dnat");

/** ICMP port unreachable where nothing else is said. Input, forward and output hooks only. */
export const reject = ({
  type = "icmp",
  code = 3,
}: {
  readonly type?: RejectType;
  readonly code?: number;
} = {}): Statement => act({ name: "reject", type, code: type === "tcp reset" ? 0 : code });

/** To the kernel's log, at syslog level 0 … 7. */
export const log = (options: { readonly prefix?: string; readonly level?: number } = {}): Statement =>
  act({ name: "log", ...options });

/** Matches while no more than so many packets come per second; `burst` may come at once. */
export const limit = ({
  packetsPerSecond,
  burst,
}: {
  readonly packetsPerSecond: number;
  readonly burst: number;
}): Statement => act({ name: "limit", rate: BigInt(packetsPerSecond), perSeconds: 1n, burst, type: "packets" });
