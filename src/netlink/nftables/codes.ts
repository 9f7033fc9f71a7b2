/** Code points of nf_tables, named as linux/netfilter/nf_tables.h and nfnetlink.h name them less their prefixes. */

/** NFNL_SUBSYS_NFTABLES, the upper octet of every message type. */
export const SUBSYSTEM = 10;
/** NFNLGRP_NFTABLES: every change of every ruleset in the namespace. */
export const NFTABLES_GROUP = 7;

/** NFT_MSG_*, with the subsystem. */
export const MessageType = {
  newTable: 0xa00,
  getTable: 0xa01,
  deleteTable: 0xa02,
  newChain: 0xa03,
  getChain: 0xa04,
  deleteChain: 0xa05,
  newRule: 0xa06,
  getRule: 0xa07,
  deleteRule: 0xa08,
  newSet: 0xa09,
  getSet: 0xa0a,
  deleteSet: 0xa0b,
  newElements: 0xa0c,
  getElements: 0xa0d,
  deleteElements: 0xa0e,
  newGeneration: 0xa0f,
  getGeneration: 0xa10,
} as const;

/** NFNL_MSG_BATCH_*: what a transaction stands between. */
export const BatchType = { begin: 16, end: 17 } as const;

/** NFPROTO_*: what a table is for. */
export const families = { ip: 2, ip6: 10, inet: 1, arp: 3, bridge: 7, netdev: 5 } as const;
export type TableFamily = keyof typeof families;

const byNumber = new Map<number, TableFamily>(
  Object.entries(families).map(([name, number]) => [number, name as TableFamily]),
);
/** undefined for a family that has no tables. */
export const familyOfNumber = (number: number): TableFamily | undefined => byNumber.get(number);

/** NF_INET_*, NF_ARP_*, NF_BR_*, NF_NETDEV_*: hook numbers by family. */
const inetHooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const hooks = {
  ip: inetHooks,
  ip6: inetHooks,
  inet: { ...inetHooks, ingress: 5 },
  arp: { input: 0, output: 1 },
  bridge: inetHooks,
  netdev: { ingress: 0, egress: 1 },
} as const satisfies Record<TableFamily, Readonly<Record<string, number>>>;
export type Hook = "prerouting" | "input" | "forward" | "output" | "postrouting" | "ingress" | "egress";

/** undefined where the family has no such hook. */
export const hookNumber = (family: TableFamily, hook: Hook): number | undefined =>
  (hooks[family] as Partial<Record<Hook, number>>)[hook];

export const hookOfNumber = (family: TableFamily, number: number): Hook | undefined =>
  (Object.entries(hooks[family]) as [Hook, number][]).find(([, value]) => value === number)?.[0];

/** NFT_SET_*. */
export const SetFlag = {
  anonymous: 0x1,
  constant: 0x2,
  interval: 0x4,
  map: 0x8,
  timeout: 0x10,
  evaluated: 0x20,
  objects: 0x40,
  concatenation: 0x80,
} as const;

/** NFT_SET_ELEM_*. */
export const ElementFlag = { intervalEnd: 0x1, catchAll: 0x2 } as const;

/** NFT_DATA_VERDICT: the data type of maps whose values are verdicts. */
export const VERDICT_DATA = 0xffffff00;

/** NF_DROP, NF_ACCEPT and NFT_*. */
export const verdictCodes = { drop: 0, accept: 1, continue: -1, break: -2, jump: -3, goto: -4, return: -5 } as const;

/** NFT_REG_*: the verdict, then four of 16 octets, each also addressed as four of 4 octets from NFT_REG32_00 = 8 on. */
export const VERDICT_REGISTER = 0;

/** Octets of a register word. */
export const WORD = 4;

/** The number of the register that starts at a word (0 … 15), in the form in which the kernel prints it. */
export const registerAt = (word: number): number => (word % 4 === 0 ? 1 + word / 4 : 8 + word);
