/**
 * What a speaker is told to be: the outcome of `compile/bgp`, or of a file where the speaker runs alone. Plain data; a
 * speaker that is given another configuration changes only what differs.
 */
import type { Family, IpAddress, Ipv4 } from "../ip/address.ts";
import type { PrefixCode } from "../ip/prefix-code.ts";
import type { Filter } from "./filter/types.ts";
import type { Asn } from "./message/types.ts";

export interface SpeakerConfig {
  readonly localAs: Asn;
  readonly routerId: Ipv4;
  /** Left out: it only dials. */
  readonly listen?: {
    readonly port: number;
    /** Left out: every address of the host. */
    readonly addresses?: readonly IpAddress[];
  };
  /** By name: what `node status` and the logs call it (`Mesh_10_30_0_56`). */
  readonly sessions: ReadonlyMap<string, SessionConfig>;
  /** Prefixes that this node announces by itself. */
  readonly originated: ReadonlyMap<PrefixCode, Origination>;
}

/** A prefix of our own. */
export interface Origination {
  /** Name of the device that it leads to, where a filter asks; left out for a blackhole. */
  readonly device?: string;
  /** For `why`: `block 192.168.1.0/26`. */
  readonly about: string;
}

export interface SessionConfig {
  readonly name: string;
  readonly peer: {
    readonly address: IpAddress;
    readonly port: number;
    readonly asn: Asn;
  };
  /** The AS that this session presents: the speaker's, unless set for this peer. */
  readonly localAs: Asn;
  /** Source of our connections, and the address that the peer must dial; left out: the kernel's choice. */
  readonly localAddress?: IpAddress;
  /** Never dials. */
  readonly passive: boolean;
  readonly families: readonly Family[];
  /** RFC 4271 section 10; 0 for no keepalives. */
  readonly holdTimeSeconds: number;
  /** Left out: a third of the negotiated hold time. */
  readonly keepaliveSeconds?: number;
  /** First wait before dialling again, seconds. */
  readonly connectRetrySeconds: number;
  /** TCP MD5 key (RFC 2385), 1 … 80 octets. */
  readonly password?: string;
  /** RFC 5082: hops that the peer may be away, 1 … 254; left out: not checked. */
  readonly ttlSecurityHops?: number;
  /** RFC 4456: the peer is a client of this reflector. */
  readonly isReflectorClient: boolean;
  /** RFC 4456: set on reflectors; the router id where left out. */
  readonly clusterId?: Ipv4;
  /** `normal` is RFC 4271 section 5.1.3. */
  readonly nextHop: "normal" | "self" | "keep";
  /** Times that our own AS may stand in a received path. */
  readonly allowedOwnAs: number;
  /** RFC 4724: what we announce, seconds; left out: no graceful restart. */
  readonly restartTimeSeconds?: number;
  /** Prefixes of all families together, after which the session ends; left out: no limit. */
  readonly maxPrefixes?: number;
  readonly importFilter: Filter;
  readonly exportFilter: Filter;
}
