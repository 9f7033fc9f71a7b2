/**
 * A speaker's tables computed from scratch by the same rules and none of the bookkeeping: the oracle of the incremental ones, which
 * have to come to the same whatever happened on the way.
 */
import type { Origination } from "../bgp/config.ts";
import type { AttributeSet } from "../bgp/message/types.ts";
import { decide, multipath } from "../bgp/rib/decision.ts";
import { exportPrefix, exportRefusal, hiddenFrom, outgoingAttributes } from "../bgp/rib/export.ts";
import { importAttributes, importPrefix } from "../bgp/rib/import.ts";
import type { NextHop } from "../bgp/rib/next-hops.ts";
import { ownAttributes, Path } from "../bgp/rib/path.ts";
import { Peer } from "../bgp/rib/peer.ts";
import type { BestChange, RibOptions, RibSession, RibWorld } from "../bgp/rib/types.ts";
import type { IpAddress } from "../ip/address.ts";
import { familyOfCode, type PrefixCode } from "../ip/prefix-code.ts";

export interface PlainInput {
  readonly world: RibWorld;
  readonly options: RibOptions;
  /** With what each has told; `isUp` false: kept from before its restart. */
  readonly sessions: readonly {
    readonly session: RibSession;
    readonly isUp: boolean;
    readonly received: ReadonlyMap<PrefixCode, AttributeSet>;
  }[];
  readonly originated: ReadonlyMap<PrefixCode, Origination>;
}

export interface PlainOutput {
  /** Learned routes to use. */
  readonly best: ReadonlyMap<PrefixCode, BestChange["routes"]>;
  /** By session that is up. */
  readonly told: ReadonlyMap<string, ReadonlyMap<PrefixCode, AttributeSet>>;
}

export function plainRib({ world, options, sessions, originated }: PlainInput): PlainOutput {
  const hops = new Map<IpAddress, NextHop>();
  const peers = sessions.map(({ session }) => new Peer(session));
  const candidates = new Map<PrefixCode, Path[]>();
  const add = (prefix: PrefixCode, path: Path): void => {
    candidates.set(prefix, [...(candidates.get(prefix) ?? []), path]);
  };
  for (const [at, { session, received }] of sessions.entries()) {
    const context = { session, routerId: options.routerId, ...world };
    for (const [prefix, attributes] of received) {
      const base = importAttributes(attributes, context);
      const imported = base.rejection ? base : importPrefix(prefix, base.attributes, context);
      const { nextHop } = imported.attributes;
      const hop = hops.get(nextHop) ?? {
        address: nextHop,
        cost: world.costOf(nextHop),
        isOwn: false,
        peers: new Map(),
      };
      hops.set(nextHop, hop);
      const peer = peers[at];
      if (peer) add(prefix, new Path({ peer }, attributes, imported, imported.rejection ? undefined : hop));
    }
  }
  for (const [prefix, origination] of originated) {
    const attributes = world.attributes.intern(ownAttributes(familyOfCode(prefix)));
    add(prefix, new Path({ origination }, attributes, { attributes }, undefined));
  }
  const chosen = [...candidates].map(
    ([prefix, paths]) => [prefix, multipath(decide(paths), options.maxPaths)] as const,
  );
  const best = chosen.map(([prefix, paths]) => [prefix, learned(paths)] as const);
  const told = sessions.flatMap(({ session, isUp }, at) => {
    const peer = peers[at];
    return isUp && peer ? [[session.name, toldTo(peer, chosen, world)] as const] : [];
  });
  return { best: new Map(best.filter(([, routes]) => routes.length > 0)), told: new Map(told) };
}

function toldTo(
  peer: Peer,
  chosen: readonly (readonly [PrefixCode, readonly Path[]])[],
  world: RibWorld,
): ReadonlyMap<PrefixCode, AttributeSet> {
  const policy = peer.session;
  const told = new Map<PrefixCode, AttributeSet>();
  for (const [prefix, [path]] of chosen) {
    if (!path || exportRefusal(path, policy)) continue;
    const filtered = exportPrefix(path, prefix, policy);
    if ("rejection" in filtered) continue;
    const attributes = outgoingAttributes(path, filtered.attributes, familyOfCode(prefix), policy);
    if (attributes && !hiddenFrom({ peer: path.peer, attributes }, peer))
      told.set(prefix, world.attributes.intern(attributes));
  }
  return told;
}

const learned = (paths: readonly Path[]): BestChange["routes"] =>
  paths.flatMap(({ peer, attributes }) => (peer ? [{ attributes, session: peer.session.name }] : []));
