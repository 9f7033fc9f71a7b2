/** Policy rules: fib_rule_hdr and FRA_* (linux/fib_rules.h). */
import type { Family } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import { AttributeSet, ipAddress, octets, text, u8, u32 } from "../attributes.ts";
import { BodyCodec, type BodyIn } from "./body.ts";
import { AddressFamily, RULE_INVERT, ruleActions } from "./codes.ts";

const ruleHeader = {
  family: "u8",
  destinationLength: "u8",
  sourceLength: "u8",
  tos: "u8",
  table: "u8",
  pad: "u8",
  pad2: "u8",
  action: "u8",
  flags: "u32",
} as const;

export const ruleBody = new BodyCodec(
  ruleHeader,
  new AttributeSet({
    destination: [1, ipAddress],
    source: [2, ipAddress],
    inputDevice: [3, text],
    goto: [4, u32],
    priority: [6, u32],
    mark: [10, u32],
    suppressInterfaceGroup: [13, u32],
    suppressPrefixLength: [14, u32],
    table: [15, u32],
    mask: [16, u32],
    outputDevice: [17, text],
    l3mdev: [19, u8],
    uidRange: [20, octets],
    protocol: [21, u8],
    ipProtocol: [22, u8],
  } as const),
);
export type RuleBody = BodyIn<typeof ruleBody>;
export type RuleAction = keyof typeof ruleActions | "other";

export interface Rule {
  readonly family: Family;
  /** Lower is asked first. */
  readonly priority: number;
  readonly action: RuleAction;
  /** The table that `lookup` looks into. */
  readonly table?: number;
  /** Matches packets whose mark, under `mask`, is this. */
  readonly mark?: number;
  readonly mask?: number;
  /** Matches what the selectors do not match. */
  readonly invert?: boolean;
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly inputDevice?: string;
  readonly outputDevice?: string;
  /** RTPROT_*: who made it. */
  readonly protocol?: number;
}

/** The rule in the message; undefined for families other than IPv4 and IPv6. */
export function ruleOf({ header, attributes }: RuleBody): Rule | undefined {
  const family = familyNumber(header.family);
  if (family === undefined) return undefined;
  const table = attributes.table ?? header.table;
  const { mark, mask, source, destination, inputDevice, outputDevice, protocol } = attributes;
  return {
    family,
    priority: attributes.priority ?? 0,
    action: actionNames.get(header.action) ?? "other",
    ...(table === 0 ? {} : { table }),
    ...(mark === undefined ? {} : { mark }),
    ...(mask === undefined ? {} : { mask }),
    ...((header.flags & RULE_INVERT) === 0 ? {} : { invert: true }),
    ...(source === undefined ? {} : { from: { address: source, length: header.sourceLength } }),
    ...(destination === undefined ? {} : { to: { address: destination, length: header.destinationLength } }),
    ...(inputDevice === undefined ? {} : { inputDevice }),
    ...(outputDevice === undefined ? {} : { outputDevice }),
    ...(protocol === undefined || protocol === 0 ? {} : { protocol }),
  };
}

export function ruleBodyOf(rule: Rule): RuleBody {
  const table = rule.table ?? 0;
  return {
    header: {
      family: rule.family === 4 ? AddressFamily.ipv4 : AddressFamily.ipv6,
      destinationLength: rule.to?.length ?? 0,
      sourceLength: rule.from?.length ?? 0,
      tos: 0,
      table: table < 256 ? table : 0,
      pad: 0,
      pad2: 0,
      action: rule.action === "other" ? 0 : ruleActions[rule.action],
      flags: rule.invert === true ? RULE_INVERT : 0,
    },
    attributes: {
      priority: rule.priority,
      ...(table < 256 ? {} : { table }),
      mark: rule.mark,
      mask: rule.mask,
      source: rule.from?.address,
      destination: rule.to?.address,
      inputDevice: rule.inputDevice,
      outputDevice: rule.outputDevice,
      protocol: rule.protocol,
    },
  };
}

const actionNames = new Map<number, keyof typeof ruleActions>(
  Object.entries(ruleActions).map(([name, number]) => [number, name as keyof typeof ruleActions]),
);

const familyNumber = (family: number): Family | undefined =>
  family === AddressFamily.ipv4 ? 4 : family === AddressFamily.ipv6 ? 6 : undefined;
