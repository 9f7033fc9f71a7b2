/**
 * The kernel's expressions: what rules are made of (nft(8) `--debug=netlink` prints the same). Each reads or writes
 * registers; comparison and lookup end the rule when they fail. Values are hexadecimal text in the order in which they
 * lie in the register: addresses and ports big-endian, marks and interface indices little-endian.
 */

/** Lower-case hexadecimal octets. */
export type Hex = string;
/** See `registerAt`. */
export type Register = number;

export type Verdict =
  | { readonly verdict: "accept" | "drop" | "return" | "continue" }
  | { readonly verdict: "jump" | "goto"; readonly chain: string };

/** NFT_PAYLOAD_*: counted from the link, network, transport header, or what it carries. */
export const payloadBases = { link: 0, network: 1, transport: 2, inner: 3 } as const;
export type PayloadBase = keyof typeof payloadBases;

/** NFT_META_*. */
export const metaKeys = {
  length: 0,
  protocol: 1,
  priority: 2,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  iiftype: 8,
  oiftype: 9,
  skuid: 10,
  skgid: 11,
  nftrace: 12,
  nfproto: 15,
  l4proto: 16,
  pkttype: 19,
  cpu: 20,
  iifgroup: 21,
  oifgroup: 22,
} as const;
export type MetaKey = keyof typeof metaKeys;

/** NFT_CT_*. */
export const ctKeys = { state: 0, direction: 1, status: 2, mark: 3, expiration: 5, zone: 20, id: 24 } as const;
export type CtKey = keyof typeof ctKeys;

/** NFTA_FIB_F_*: the input of a route lookup. */
export const fibFlags = { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16 } as const;
export type FibFlag = keyof typeof fibFlags;
/** NFT_FIB_RESULT_*. */
export const fibResults = { oif: 1, oifname: 2, type: 3 } as const;
export type FibResult = keyof typeof fibResults;

/** NFT_CMP_*. */
export const comparisons = { eq: 0, neq: 1, lt: 2, lte: 3, gt: 4, gte: 5 } as const;
export type Comparison = keyof typeof comparisons;

/** NF_NAT_RANGE_* that a rule may ask for; the two of the addresses and ports given follow from the registers. */
export const natFlags = { random: 4, persistent: 8, "fully-random": 16 } as const;
export type NatFlag = keyof typeof natFlags;

/** NFT_REJECT_*. */
export const rejectTypes = { icmp: 0, "tcp reset": 1, icmpx: 2 } as const;
export type RejectType = keyof typeof rejectTypes;

/** NFT_LIMIT_*. */
export const limitTypes = { packets: 0, bytes: 1 } as const;

export interface RegisterRange {
  readonly low: Register;
  /** The same register for a single value. */
  readonly high: Register;
}

export type Expression =
  | {
      readonly name: "payload";
      readonly base: PayloadBase;
      /** Octets from the base. */
      readonly offset: number;
      /** Octets. */
      readonly length: number;
      readonly to: Register;
    }
  | { readonly name: "meta"; readonly key: MetaKey; readonly to: Register }
  | { readonly name: "metaSet"; readonly key: MetaKey; readonly from: Register }
  | {
      readonly name: "ct";
      readonly key: CtKey;
      readonly to: Register;
    }
  | { readonly name: "ctSet"; readonly key: CtKey; readonly from: Register }
  | { readonly name: "fib"; readonly flags: readonly FibFlag[]; readonly result: FibResult; readonly to: Register }
  | {
      readonly name: "numgen";
      readonly mode: "incremental" | "random";
      readonly modulus: number;
      readonly offset: number;
      readonly to: Register;
    }
  /** to = (from & mask) ^ xor */
  | {
      readonly name: "bitwise";
      readonly from: Register;
      readonly to: Register;
      readonly mask: Hex;
      readonly xor: Hex;
    }
  | {
      readonly name: "byteorder";
      readonly from: Register;
      readonly to: Register;
      readonly op: "ntoh" | "hton";
      /** Octets converted. */
      readonly length: number;
      /** Octets of one number. */
      readonly size: number;
    }
  | { readonly name: "cmp"; readonly op: Comparison; readonly from: Register; readonly value: Hex }
  | {
      readonly name: "range";
      readonly op: "eq" | "neq";
      readonly from: Register;
      readonly low: Hex;
      readonly high: Hex;
    }
  /** Membership, or with `to` the value of a map (register 0: a verdict). */
  | {
      readonly name: "lookup";
      readonly set: string;
      readonly from: Register;
      readonly to?: Register;
      readonly inverted?: true;
    }
  | { readonly name: "immediate"; readonly to: Register; readonly value: Hex }
  | ({ readonly name: "verdict" } & Verdict)
  /** Counts are what the kernel counted when it was read; they are no part of what is desired. */
  | { readonly name: "counter"; readonly packets?: bigint; readonly bytes?: bigint }
  | { readonly name: "masq"; readonly flags: readonly NatFlag[]; readonly ports?: RegisterRange }
  | {
      readonly name: "nat";
      readonly type: "snat" | "dnat";
      readonly family: "ip" | "ip6";
      readonly addresses?: RegisterRange;
      readonly ports?: RegisterRange;
      readonly flags: readonly NatFlag[];
    }
  | { readonly name: "redir"; readonly ports?: RegisterRange; readonly flags: readonly NatFlag[] }
  | { readonly name: "notrack" }
  | { readonly name: "reject"; readonly type: RejectType /** ICMP code. */; readonly code: number }
  | {
      readonly name: "log";
      readonly prefix?: string;
      /** syslog level, 0 emergency … 7 debug. */
      readonly level?: number;
      /** nfnetlink_log group, instead of syslog. */
      readonly group?: number;
      /** Octets of the packet that nfnetlink_log copies. */
      readonly snapLength?: number;
      readonly queueThreshold?: number;
    }
  | {
      readonly name: "limit";
      readonly rate: bigint;
      /** Seconds per unit: 1, 60, 3600 … */
      readonly perSeconds: bigint;
      readonly burst: number;
      readonly type: keyof typeof limitTypes;
      readonly over?: true;
    }
  /** Anything else, as it came: written by others. */
  | { readonly name: "unknown"; readonly kernelName: string; readonly octets: Hex };

export type ExpressionName = Expression["name"];
/** One kind of expression. */
export type ExpressionOf<N extends ExpressionName> = Extract<Expression, { name: N }>;
