/** What TCP says of a connection that failed, in words that help: who, why, and what to look at. */
import { formatAddress, type IpAddress } from "../../ip/address.ts";
import type { FailureReason, TransportFailure } from "../../port/bgp-transport.ts";

export interface FailureContext {
  readonly address: IpAddress;
  readonly port: number;
  readonly localAddress?: IpAddress | undefined;
  readonly isSigned: boolean;
  /** Segments that the kernel dropped since the dial began for their MD5 signature. */
  readonly md5Drops?: Md5Drops;
}

/** TcpExt of /proc/net/netstat: TCPMD5NotFound, TCPMD5Unexpected, TCPMD5Failure. Of the namespace, so of all its peers. */
export interface Md5Drops {
  readonly missing: number;
  readonly unexpected: number;
  readonly wrong: number;
}

const reasons: Readonly<Record<string, FailureReason>> = {
  ECONNREFUSED: "refused",
  ENETUNREACH: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  EHOSTDOWN: "unreachable",
  EACCES: "unreachable",
  EPERM: "unreachable",
  ETIMEDOUT: "timedOut",
  ECONNRESET: "reset",
  EPIPE: "reset",
  ECONNABORTED: "reset",
  EADDRNOTAVAIL: "noLocalAddress",
};

export function failureOf(errno: string, context: FailureContext): TransportFailure {
  const known = reasons[errno] ?? "other";
  const reason = known === "timedOut" && hasWrongKey(context) ? "wrongKey" : known;
  return { reason, message: words(reason, errno, context) };
}

/** The peer ended it, as one should. */
export const closedByPeer: TransportFailure = { reason: "closed", message: "the peer closed the connection" };

function words(reason: FailureReason, errno: string, context: FailureContext): string {
  const peer = `${formatAddress(context.address)} port ${context.port}`;
  switch (reason) {
    case "refused":
      return `${peer} refused the connection: no BGP speaker listens there, or a firewall rejects it`;
    case "unreachable":
      return `no way to ${peer} (${errno}): look at the route to it and at firewalls`;
    case "timedOut":
    case "wrongKey":
      return `no answer from ${peer}: ${silence(context)}`;
    case "reset":
      return `${peer} reset the connection: it may not know this node as its neighbour`;
    case "noLocalAddress": {
      const { localAddress } = context;
      const source = localAddress === undefined ? "the source address" : formatAddress(localAddress);
      return `${source} is not an address of this host, so no connection to ${peer} can leave from it`;
    }
    default:
      return `the connection to ${peer} failed: ${errno}`;
  }
}

function hasWrongKey({ isSigned, md5Drops }: FailureContext): boolean {
  const { missing = 0, unexpected = 0, wrong = 0 } = md5Drops ?? {};
  return isSigned ? wrong + missing > 0 : unexpected > 0;
}

/** A wrong signature is not answered, so silence is all that the dialler sees; what the kernel dropped tells more. */
function silence({ isSigned, md5Drops }: FailureContext): string {
  const { missing = 0, unexpected = 0, wrong = 0 } = md5Drops ?? {};
  if (isSigned && wrong > 0)
    return "segments with another TCP MD5 password arrived and were dropped; compare both ends'";
  if (isSigned && missing > 0)
    return "segments without TCP MD5 arrived and were dropped; is a password set on the peer?";
  if (!isSigned && unexpected > 0) return "segments with TCP MD5 arrived; the peer has a password, this session none";
  if (isSigned) return "it is down, a firewall drops it, or the TCP MD5 password is another there";
  return "it is down, a firewall drops it, or it demands a TCP MD5 password";
}
