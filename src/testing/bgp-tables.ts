/** Building blocks for tests of BGP's tables: sessions and attributes with little said, and a world that tests can change. */
import { acceptAll } from "../bgp/filter/types.ts";
import { AttributeTable } from "../bgp/message/attribute-table.ts";
import type { AttributeSet } from "../bgp/message/types.ts";
import type { Batch, Interner, RibSession, RibWorld } from "../bgp/rib/types.ts";
import type { IpAddress } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { type PrefixCode, prefixCode } from "../ip/prefix-code.ts";
import { attributesOf, ipv4, sequence } from "./bgp-values.ts";

export const code = (text: string): PrefixCode => prefixCode(parsePrefix(text));

export interface TestWorld extends RibWorld {
  readonly costs: Map<IpAddress, number | undefined>;
  readonly own: Set<IpAddress>;
  /** Next hops that were asked for and are not unused. */
  readonly inUse: ReadonlySet<IpAddress>;
}

/** Every next hop costs 1 unless `costs` says otherwise. */
export function world(attributes: Interner = new AttributeTable()): TestWorld {
  const costs = new Map<IpAddress, number | undefined>();
  const own = new Set<IpAddress>();
  const inUse = new Set<IpAddress>();
  return {
    attributes,
    costs,
    own,
    inUse,
    costOf: (address) => {
      inUse.add(address);
      return costs.has(address) ? costs.get(address) : 1;
    },
    nextHopUnused: (address) => void inUse.delete(address),
    isOwnAddress: (address) => own.has(address),
  };
}

/** An internal session of AS 64512 to the peer 10.0.0.`host`. */
export function session(name: string, host: number, over: Partial<RibSession> = {}): RibSession {
  return {
    name,
    kind: "internal",
    localAs: 64512,
    peerRouterId: ipv4(`10.0.0.${host}`),
    peerAddress: ipv4(`10.0.0.${host}`),
    families: [4, 6],
    isReflectorClient: false,
    clusterId: ipv4("10.0.0.254"),
    nextHop: "normal",
    ownNextHops: { 4: ipv4("10.0.0.254") },
    allowedOwnAs: 0,
    importFilter: acceptAll,
    exportFilter: acceptAll,
    ...over,
  };
}

/** Attributes of a route over `nextHop` through `path`. */
export const attributes = (
  nextHop: string,
  path: readonly number[] = [],
  over: Partial<AttributeSet> = {},
): AttributeSet => attributesOf(nextHop, { asPath: path.length === 0 ? [] : [sequence(...path)], ...over });

/** What a peer that is sent a batch knows afterwards. Throws where the batch is one that no speaker should send. */
export function hear(known: Map<PrefixCode, AttributeSet>, batch: Batch): void {
  const said = [...batch.withdrawn, ...batch.announced.flatMap(({ prefixes }) => prefixes)];
  if (new Set(said).size !== said.length) throw new Error("a batch says something twice of one prefix");
  for (const prefix of batch.withdrawn)
    if (!known.delete(prefix)) throw new Error(`prefix ${prefix} is withdrawn and was never announced`);
  for (const { attributes: told, prefixes } of batch.announced) for (const prefix of prefixes) known.set(prefix, told);
}
