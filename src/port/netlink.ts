/**
 * Netlink sockets: octets in, octets out. Everything above (messages, requests, drivers) is the same for the real
 * kernel (`adapter/linux`) and for the double that speaks octets (`testing/memory-kernel`).
 */
import { CodedError } from "../base/errors.ts";

/** linux/netlink.h: NETLINK_ROUTE 0, NETLINK_NETFILTER 12, NETLINK_GENERIC 16. */
export type NetlinkProtocol = "route" | "netfilter" | "generic";

/** A system call or a netlink request that the kernel refused. `errno` is its symbol (`EEXIST`). */
export class KernelError extends CodedError<
  "kernel",
  { call: string; errno: string; number: number; extack?: string | undefined; subject?: string | undefined }
> {
  constructor(detail: { call: string; errno: string; number: number; extack?: string; subject?: string }) {
    const about = detail.subject === undefined ? "" : ` of ${detail.subject}`;
    const why = detail.extack === undefined ? "" : ` (${detail.extack})`;
    super("kernel", `${detail.call}${about}: ${detail.errno}${why}`, detail);
  }

  get errno(): string {
    return this.detail.errno;
  }
}

export interface NetlinkSocket {
  /** The address the kernel gave this socket (nlmsg_pid of answers). */
  readonly portId: number;
  /**
   * The fast lane: hands over one datagram of whole messages and returns when the kernel has handled them (rtnetlink
   * and nf_tables work inside the call), so that the answers wait in `receive`. Throws KernelError.
   */
  send(octets: Uint8Array): void;
  /** The blocking lane: the same on another thread, for requests that take milliseconds (links, large nft batches). */
  sendOffLoop(octets: Uint8Array): Promise<void>;
  /** One datagram that waits, in memory of its own; undefined when none does. Throws KernelError ENOBUFS after an overrun. */
  receive(): Uint8Array | undefined;
  /** Calls `readable` in a turn of its own whenever datagrams wait. Once per socket. */
  onReadable(readable: () => void): void;
  /** Idempotent. */
  close(): void;
}

export interface NetlinkOptions {
  readonly protocol: NetlinkProtocol;
  /** Multicast groups to join (RTNLGRP_* numbers). */
  readonly groups?: readonly number[];
  /** Leaves out notifications of what sockets with these `portId`s changed: they are dropped before they fill the buffer. */
  readonly exceptPorts?: readonly number[];
  /** Octets asked of SO_RCVBUF; what the kernel gives may be less. */
  readonly receiveBuffer?: number;
}

/** Opens sockets in one network namespace. */
export interface Netlink {
  open(options: NetlinkOptions): NetlinkSocket;
}
