/** One session as Calico has BIRD open it: names, defaults and the rules for clients and next hops (control plane 6.1, 6.2). */
import type { SessionConfig } from "../../bgp/config.ts";
import type { Asn } from "../../bgp/message/types.ts";
import { familyOf, formatAddress, type IpAddress, type Ipv4 } from "../../ip/address.ts";
import type { OwnSpeaker } from "./own.ts";
import type { SessionPiece, SessionRank } from "./pieces.ts";
import type { PeerSettings } from "./types.ts";

/** BIRD's default, which Calico leaves. */
const HOLD_TIME_SECONDS = 240;
/** Calico's BGP template. */
const CONNECT_RETRY_SECONDS = 5;
const RESTART_SECONDS = 120;
const BGP_PORT = 179;

/** The other end. */
export interface PeerEnd {
  readonly address: IpAddress;
  /** Where something sets one; it is part of the name then. */
  readonly port: number | undefined;
  readonly asn: Asn;
  /** Of a node that is a reflector. */
  readonly clusterId: Ipv4 | undefined;
}

export interface SessionWish {
  readonly own: OwnSpeaker;
  readonly end: PeerEnd;
  readonly prefix: "Mesh" | "Global" | "Node" | "Local_Workload";
  readonly rank: SessionRank;
  readonly about: string;
  readonly node: string | undefined;
  readonly passive: boolean;
  readonly settings: PeerSettings;
}

export const plainSettings: PeerSettings = {
  localAsn: undefined,
  password: undefined,
  usesNodeAddress: true,
  restartSeconds: undefined,
  keepaliveSeconds: undefined,
  ttlSecurityHops: undefined,
  nextHop: "normal",
  allowedOwnAs: 0,
  filters: [],
};

export function sessionPiece({ own, end, prefix, rank, about, node, passive, settings }: SessionWish): SessionPiece {
  const { keepaliveSeconds, ttlSecurityHops, restartSeconds, password, filters } = settings;
  const family = familyOf(end.address);
  const localAs = settings.localAsn ?? own.asn;
  const isInternal = end.asn === localAs;
  const localAddress = settings.usesNodeAddress ? own.local[family] : undefined;
  const isReflectorClient = isInternal && own.clusterId !== undefined && end.clusterId !== own.clusterId;
  const session: SessionPiece["session"] = {
    name: sessionName(prefix, end.address, prefix === "Mesh" ? undefined : end.port),
    peer: { address: end.address, port: end.port ?? BGP_PORT, asn: end.asn },
    localAs,
    ...(localAddress === undefined ? {} : { localAddress }),
    passive,
    families: [family],
    holdTimeSeconds: HOLD_TIME_SECONDS,
    ...(keepaliveSeconds === undefined ? {} : { keepaliveSeconds }),
    connectRetrySeconds: CONNECT_RETRY_SECONDS,
    ...(ttlSecurityHops === undefined ? {} : { ttlSecurityHops }),
    isReflectorClient,
    ...(own.clusterId === undefined ? {} : { clusterId: own.clusterId }),
    nextHop: nextHopOf(settings.nextHop, isInternal),
    allowedOwnAs: settings.allowedOwnAs,
    restartTimeSeconds: restartSeconds ?? RESTART_SECONDS,
  };
  return { session, password, filters, rank, about, node };
}

function nextHopOf(mode: PeerSettings["nextHop"], isInternal: boolean): SessionConfig["nextHop"] {
  if (mode === "keepExternal") return isInternal ? "normal" : "keep";
  return mode;
}

/** `Mesh_10_30_0_56`, `Global_fd00__1_port_1790`: what BIRD's protocols are called. */
const sessionName = (prefix: string, address: IpAddress, port: number | undefined): string =>
  `${prefix}_${formatAddress(address).replaceAll(/[.:]/g, "_")}${port === undefined ? "" : `_port_${port}`}`;

/** Of two nodes the one whose address sorts first as text dials; as numbers, they would not agree with BIRD's. */
export const isPassiveTowards = (peer: IpAddress, own: IpAddress | undefined): boolean =>
  own !== undefined && formatAddress(peer) > formatAddress(own);
