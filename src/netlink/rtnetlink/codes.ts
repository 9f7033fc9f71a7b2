/** Code points of rtnetlink, named as the kernel's headers name them less their prefixes. */

/** RTM_*. */
export const RtmType = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  deleteNeighbour: 29,
  getNeighbour: 30,
  newRule: 32,
  deleteRule: 33,
  getRule: 34,
  newQdisc: 36,
  deleteQdisc: 37,
  getQdisc: 38,
  newFilter: 44,
  deleteFilter: 45,
  getFilter: 46,
  getNeighbourTable: 66,
  newNetconf: 80,
  deleteNetconf: 81,
  newNexthop: 104,
  deleteNexthop: 105,
  getNexthop: 106,
} as const;

/** RTNLGRP_*: multicast groups. */
export const Group = {
  link: 1,
  neighbour: 3,
  trafficControl: 4,
  ipv4Address: 5,
  ipv4Route: 7,
  ipv4Rule: 8,
  ipv6Address: 9,
  ipv6Route: 11,
  ipv6Rule: 19,
  ipv4Netconf: 24,
  ipv6Netconf: 25,
  nexthop: 32,
} as const;
export type GroupName = keyof typeof Group;

/** AF_*. */
export const AddressFamily = { unspecified: 0, ipv4: 2, bridge: 7, ipv6: 10 } as const;

/** RTPROT_*. Felix marks its cluster routes with 80. */
export const RouteProtocol = {
  unspecified: 0,
  redirect: 1,
  kernel: 2,
  boot: 3,
  static: 4,
  bird: 12,
  felix: 80,
  bgp: 186,
} as const;

/** RT_SCOPE_*. */
export const Scope = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

/** RT_TABLE_*. */
export const RouteTable = { default: 253, main: 254, local: 255 } as const;

/** RTN_*: 0 … 11; what carries no name here reads as `other`. */
export const routeTypes = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
} as const;

/** RTNH_F_* of a next hop or a route with one. */
export const NextHopFlag = { dead: 1, pervasive: 2, onlink: 4, offload: 8, linkDown: 16, unresolved: 32 } as const;

/** IFF_*. */
export const LinkFlag = {
  up: 0x1,
  broadcast: 0x2,
  loopback: 0x8,
  running: 0x40,
  noArp: 0x80,
  lowerUp: 0x10000,
} as const;

/** IF_OPER_*, in the order of their numbers (RFC 2863). */
export const operStates = ["unknown", "notPresent", "down", "lowerLayerDown", "testing", "dormant", "up"] as const;
export type OperState = (typeof operStates)[number];

/** NUD_*. */
export const NeighbourState = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noArp: 0x40,
  permanent: 0x80,
} as const;

/** NTF_*. */
export const NeighbourFlag = {
  use: 0x01,
  self: 0x02,
  master: 0x04,
  proxy: 0x08,
  extLearned: 0x10,
  router: 0x80,
} as const;

/** IFA_F_*. */
export const AddressFlag = { noDad: 0x02, tentative: 0x40, permanent: 0x80, noPrefixRoute: 0x200 } as const;

/** FR_ACT_*. */
export const ruleActions = { lookup: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 } as const;

/** FIB_RULE_INVERT: the rule matches what its selectors do not. */
export const RULE_INVERT = 0x02;
