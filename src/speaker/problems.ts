/** What no session can find out alone: two with one address, a peer with an address of ours, two peers with one router id. */
import type { SessionConfig } from "../bgp/config.ts";
import type { Negotiated } from "../bgp/session/negotiate.ts";
import { familyOf, formatAddress, type IpAddress } from "../ip/address.ts";

export interface Known {
  readonly config: SessionConfig;
  readonly negotiated: Negotiated | undefined;
}

/**
 * What no two peers share (RFC 6286); undefined while a session is down. One peer may well have a session of each family, so
 * the family of its address is part of it.
 */
export const identityOf = ({ config, negotiated }: Known): string | undefined =>
  negotiated && `${negotiated.peerAs} ${negotiated.peerRouterId} ${familyOf(config.peer.address)}`;

/** In words, by the name of the session. */
export function problemsOf(
  sessions: readonly Known[],
  isOwnAddress: (address: IpAddress) => boolean,
): ReadonlyMap<string, readonly string[]> {
  const problems = new Map<string, string[]>();
  const add = (name: string, problem: string): void =>
    void problems.set(name, [...(problems.get(name) ?? []), problem]);
  const pairs = (key: (known: Known) => string | undefined, words: (known: Known, other: Known) => string): void => {
    const first = new Map<string, Known>();
    for (const known of sessions) {
      const value = key(known);
      const other = value === undefined ? undefined : first.get(value);
      if (value === undefined) continue;
      if (!other) first.set(value, known);
      else {
        add(known.config.name, words(known, other));
        add(other.config.name, words(other, known));
      }
    }
  };
  for (const { config } of sessions) {
    const { address } = config.peer;
    if (isOwnAddress(address)) add(config.name, `${formatAddress(address)} is an address of this host, and of no peer`);
  }
  pairs(
    ({ config: { peer, localAddress } }) => `${peer.address} ${localAddress ?? ""}`,
    ({ config }, other) =>
      `${other.config.name} has the same peer address ${formatAddress(config.peer.address)}: connections from there go to one of them`,
  );
  pairs(
    identityOf,
    ({ negotiated }, other) =>
      `${other.config.name} is a peer with the same router id ${formatAddress(negotiated?.peerRouterId ?? other.config.peer.address)}: routes of one of them may be taken for loops`,
  );
  return problems;
}
