/** Sessions and OPENs as tests want them: what a test does not say is the plainest. */
import type { SessionConfig } from "../bgp/config.ts";
import { acceptAll } from "../bgp/filter/types.ts";
import type { Open } from "../bgp/message/types.ts";
import type { PeerFacts } from "../bgp/session/peer.ts";
import { type Ipv4, ipv4Of, parseAddress } from "../ip/address.ts";

export const routerIdOf = (text: string): Ipv4 => ipv4Of(Number(parseAddress(text)));

/** An internal session of AS 64512 to 10.0.0.2. */
export function sessionConfig(changes: Partial<SessionConfig> = {}): SessionConfig {
  return {
    name: "peer",
    peer: { address: parseAddress("10.0.0.2"), port: 179, asn: 64512 },
    localAs: 64512,
    passive: false,
    families: [4, 6],
    holdTimeSeconds: 90,
    connectRetrySeconds: 5,
    isReflectorClient: false,
    nextHop: "normal",
    allowedOwnAs: 0,
    importFilter: acceptAll,
    exportFilter: acceptAll,
    ...changes,
  };
}

/** Router id 10.0.0.1. */
export function peerFacts(changes: Partial<PeerFacts> = {}): PeerFacts {
  return {
    session: sessionConfig(),
    routerId: routerIdOf("10.0.0.1"),
    restart: { isRestarting: false, forwarding: [] },
    ...changes,
  };
}

/** What 10.0.0.2 says. */
export function openMessage(changes: Partial<Open> = {}): Open {
  return {
    type: "open",
    version: 4,
    asn: 64512,
    holdTimeSeconds: 30,
    routerId: routerIdOf("10.0.0.2"),
    capabilities: [
      { kind: "multiprotocol", family: 4 },
      { kind: "multiprotocol", family: 6 },
      { kind: "routeRefresh" },
      { kind: "fourOctetAs", asn: 64512 },
    ],
    ...changes,
  };
}
