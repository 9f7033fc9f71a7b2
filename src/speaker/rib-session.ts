/** A session as the tables see it: what is configured, and what its OPENs and its connection made of it. */
import type { SessionConfig } from "../bgp/config.ts";
import type { OwnNextHops, RibSession } from "../bgp/rib/types.ts";
import type { Negotiated } from "../bgp/session/negotiate.ts";
import type { Family, IpAddress, Ipv4 } from "../ip/address.ts";

export interface Whereabouts {
  readonly routerId: Ipv4;
  /** Our end of the connection. */
  readonly local: IpAddress | undefined;
  /** Where the connection is of the other family. */
  readonly ownAddress: (family: Family) => IpAddress | undefined;
}

export function ribSessionOf(config: SessionConfig, negotiated: Negotiated, where: Whereabouts): RibSession {
  return {
    name: config.name,
    kind: negotiated.peerAs === config.localAs ? "internal" : "external",
    localAs: config.localAs,
    peerRouterId: negotiated.peerRouterId,
    peerAddress: config.peer.address,
    families: negotiated.families,
    ownNextHops: ownNextHops(where),
    ...policyOf(config, where.routerId),
  };
}

/** What is configured, whatever OPENs say: all that can be changed of a session that is up, or of what is kept of it. */
export function policyOf({ isReflectorClient, clusterId, ...config }: SessionConfig, routerId: Ipv4) {
  const { nextHop, allowedOwnAs, importFilter, exportFilter } = config;
  return { isReflectorClient, clusterId: clusterId ?? routerId, nextHop, allowedOwnAs, importFilter, exportFilter };
}

function ownNextHops({ local, ownAddress }: Whereabouts): OwnNextHops {
  const candidates = [local, ownAddress(4), ownAddress(6)];
  const ipv4 = candidates.find((address) => typeof address === "number");
  const ipv6 = candidates.find((address) => typeof address === "bigint");
  return { ...(ipv4 === undefined ? {} : { 4: ipv4 }), ...(ipv6 === undefined ? {} : { 6: ipv6 }) };
}
