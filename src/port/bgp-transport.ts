/**
 * TCP as BGP wants it (RFC 4271 section 8.1.4): listening and dialling with the options that protect a session, streams of
 * octets that say when the other end is slow, and failures in words. The double is `MemoryBgpTransport`; both pass
 * `bgpTransportContract`.
 */
import type { Family, IpAddress } from "../ip/address.ts";

export interface BgpTransport {
  /**
   * Takes connections to `address`, or to every address of the family, at once. Each is told as it comes, whoever it is
   * from. Throws KernelError: EADDRINUSE, EADDRNOTAVAIL, EACCES.
   */
  listen(options: ListenOptions, incoming: (stream: BgpStream) => void): BgpListener;
  /** Exactly one of the two is called, in a later turn; none after `cancel`. */
  dial(options: DialOptions, connected: (stream: BgpStream) => void, failed: (failure: TransportFailure) => void): Dial;
}

export interface ListenOptions {
  readonly family: Family;
  /** Left out: every address. */
  readonly address?: IpAddress;
  /** 0: one that is free. */
  readonly port: number;
}

export interface BgpListener {
  readonly port: number;
  /** RFC 2385: from now on that peer's connections must be signed with this key; undefined: must not be signed. Throws KernelError. */
  setKey(peer: IpAddress, key: string | undefined): void;
  /** Idempotent. Streams that came from it stay. */
  close(): void;
}

/** What protects one session's connection. */
export interface Protection {
  /** RFC 5082: hops that the peer may be away, 1 … 254; ours leave with 255 then. */
  readonly ttlSecurityHops?: number;
  /** What was sent must be acknowledged within so many seconds, or the connection ends (RFC 5482); left out: the kernel's. */
  readonly userTimeoutSeconds?: number;
}

export interface DialOptions extends Protection {
  readonly address: IpAddress;
  readonly port: number;
  /** Source; left out: the kernel's choice. */
  readonly localAddress?: IpAddress;
  /** RFC 2385, 1 … 80 octets. */
  readonly key?: string;
  /** Without an answer within so many seconds it has failed. */
  readonly timeoutSeconds: number;
}

export interface Dial {
  /** Idempotent; without effect once an outcome was told. */
  cancel(): void;
}

export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

export interface BgpStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** For connections that came by a listener: before `start`. Throws KernelError. */
  protect(protection: Protection): void;
  /** Begins to read; once. */
  start(handlers: StreamHandlers): void;
  /** Takes the octets whole; they must not change afterwards. Without effect on a stream that is closed. */
  write(octets: Uint8Array): void;
  /** Octets that were written and that the kernel has not taken yet. A writer who heeds it needs no other bound. */
  readonly pendingOctets: number;
  /** Whether the other host has acknowledged all that was written: its kernel, whatever its process does. True once it is over. */
  readonly isAcknowledged: boolean;
  /** Stops reading, so that the peer is slowed down. What was read already may still be told. */
  pause(): void;
  resume(): void;
  /** What was written goes out, then the connection ends, after some seconds at the latest. Nothing is told any more. Idempotent. */
  end(): void;
}

export interface StreamHandlers {
  /** Octets as they come, in memory of their own. */
  readonly data: (octets: Uint8Array) => void;
  /** All that was written has been taken, after some of it had to wait. */
  readonly drained: () => void;
  /** Once, for ends that the peer or the network made. */
  readonly closed: (failure: TransportFailure) => void;
}

export type FailureReason =
  /** Nobody listens there, or a firewall says so. */
  | "refused"
  /** No route, or a router says that there is none. */
  | "unreachable"
  /** No answer: filtered, down, or signed with another key. */
  | "timedOut"
  /** No answer, and segments arrived meanwhile that the host dropped for their TCP MD5 signature, or for the lack of one. */
  | "wrongKey"
  | "reset"
  /** The peer ended the connection as one should. */
  | "closed"
  /** The source address is not of this host. */
  | "noLocalAddress"
  | "other";

export interface TransportFailure {
  readonly reason: FailureReason;
  /** In words, with what may help. */
  readonly message: string;
}
