/**
 * TCP sockets by their descriptors, with the options that Node's own lack: tcp(7), ip(7), ipv6(7). They are non-blocking and
 * made in the namespace that the thread is in.
 */
import { type Family, formatAddress, type IpAddress, ipv4Of, ipv6Of } from "../../ip/address.ts";
import type { Endpoint, Protection } from "../../port/bgp-transport.ts";
import { call, errnoName, tryCall } from "../linux/libc.ts";
import { domainOf, readSocketAddress, SOCKET_ADDRESS_OCTETS, socketAddress } from "../linux/socket-address.ts";

const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_TTL = 2;
const IP_MINTTL = 21;
const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_V6ONLY = 26;
const IPV6_TCLASS = 67;
const IPV6_MINHOPCOUNT = 73;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_INFO = 11;
const TCP_MD5SIG = 14;
const TCP_USER_TIMEOUT = 18;
const EINPROGRESS = 115;
const ENOENT = 2;

/** linux/tcp.h struct tcp_md5sig: sockaddr_storage, flags, prefixlen, keylen, ifindex, key. */
const MD5 = { addressOctets: 128, keyLengthAt: 130, keyAt: 136, keyOctets: 80, octets: 216 } as const;
/** linux/tcp.h struct tcp_info: tcpi_unacked, behind eight octets and four words. */
const TCP_INFO_UNACKED_AT = 24;
/** Class selector 6, network control: routing goes before what it routes (RFC 4594 section 3.2). */
const CONTROL_TRAFFIC = 0xc0;
/** RFC 5082: what leaves with the most cannot come from farther away than the difference says. */
const MOST_HOPS = 255;
/** A cluster that starts connects all at once. */
const BACKLOG = 1024;

function option(fd: number, level: number, name: number, value: number, subject: string): void {
  const octets = Buffer.alloc(4);
  octets.writeInt32LE(value);
  call("setsockopt", [fd, level, name, octets, octets.length], subject);
}

/** A socket that sends at once what it is given. */
export function openTcp(family: Family): number {
  const fd = call("socket", [domainOf(family), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0], "tcp socket");
  option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  if (family === 4) option(fd, IPPROTO_IP, IP_TOS, CONTROL_TRAFFIC, "IP_TOS");
  else option(fd, IPPROTO_IPV6, IPV6_TCLASS, CONTROL_TRAFFIC, "IPV6_TCLASS");
  return fd;
}

export function closeTcp(fd: number): void {
  call("close", [fd]);
}

export function protectTcp(fd: number, family: Family, { ttlSecurityHops, userTimeoutSeconds }: Protection): void {
  if (ttlSecurityHops !== undefined) {
    sendFar(fd, family);
    const least = MOST_HOPS + 1 - ttlSecurityHops;
    if (family === 4) option(fd, IPPROTO_IP, IP_MINTTL, least, "IP_MINTTL");
    else option(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, least, "IPV6_MINHOPCOUNT");
  }
  if (userTimeoutSeconds !== undefined) {
    option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, userTimeoutSeconds * 1000, "TCP_USER_TIMEOUT");
  }
}

function sendFar(fd: number, family: Family): void {
  if (family === 4) option(fd, IPPROTO_IP, IP_TTL, MOST_HOPS, "IP_TTL");
  else option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, MOST_HOPS, "IPV6_UNICAST_HOPS");
}

/** RFC 2385: segments to and from that address are signed; undefined: no longer. A key that is not there is taken away too. */
export function setMd5Key(fd: number, peer: IpAddress, key: string | undefined): void {
  const request = Buffer.alloc(MD5.octets);
  socketAddress(peer, 0).copy(request);
  const octets = Buffer.from(key ?? "");
  request.writeUInt16LE(octets.length, MD5.keyLengthAt);
  octets.copy(request, MD5.keyAt, 0, MD5.keyOctets);
  const subject = `the TCP MD5 key of ${formatAddress(peer)}`;
  if (key !== undefined) call("setsockopt", [fd, IPPROTO_TCP, TCP_MD5SIG, request, request.length], subject);
  else {
    const result = tryCall("setsockopt", [fd, IPPROTO_TCP, TCP_MD5SIG, request, request.length]);
    if (result < 0 && result !== -ENOENT)
      call("setsockopt", [fd, IPPROTO_TCP, TCP_MD5SIG, request, request.length], subject);
  }
}

const anyOf = (family: Family): IpAddress => (family === 4 ? ipv4Of(0) : ipv6Of(0n));

export function bindTcp(fd: number, address: IpAddress, port: number): void {
  const octets = socketAddress(address, port);
  call("bind", [fd, octets, octets.length], `${formatAddress(address)} port ${port}`);
}

/**
 * Listens; answers leave with the most hops, since a peer that uses RFC 5082 would not hear others and nobody knows yet who
 * is going to call.
 */
export function listenTcp(fd: number, family: Family, address: IpAddress | undefined, port: number): void {
  option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  if (family === 6) option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  sendFar(fd, family);
  bindTcp(fd, address ?? anyOf(family), port);
  call("listen", [fd, BACKLOG], `port ${port}`);
}

/** The errno of a refusal, undefined while it is under way. */
export function connectTcp(fd: number, address: IpAddress, port: number): string | undefined {
  const octets = socketAddress(address, port);
  const result = tryCall("connect", [fd, octets, octets.length]);
  return result === 0 || result === -EINPROGRESS ? undefined : errnoName(-result);
}

/** The next connection that waits; undefined when none does. One that broke before it was taken counts as none. */
export function acceptTcp(fd: number): number | undefined {
  const accepted = tryCall("accept4", [fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK]);
  return accepted < 0 ? undefined : accepted;
}

/** The pending error, cleared by reading it; undefined when there is none. */
export function takeTcpError(fd: number): string | undefined {
  const value = Buffer.alloc(4);
  const length = Buffer.from([4, 0, 0, 0]);
  call("getsockopt", [fd, SOL_SOCKET, SO_ERROR, value, length], "SO_ERROR");
  const errno = value.readInt32LE();
  return errno === 0 ? undefined : errnoName(errno);
}

/** Segments that were sent and that the other host has not acknowledged. */
export function unacknowledgedSegments(fd: number): number {
  const info = Buffer.alloc(TCP_INFO_UNACKED_AT + 4);
  const length = Buffer.from([info.length, 0, 0, 0]);
  call("getsockopt", [fd, IPPROTO_TCP, TCP_INFO, info, length], "TCP_INFO");
  return info.readUInt32LE(TCP_INFO_UNACKED_AT);
}

/** Undefined when the connection is gone already. */
export function endpointOf(fd: number, which: "getsockname" | "getpeername"): Endpoint | undefined {
  const octets = Buffer.alloc(SOCKET_ADDRESS_OCTETS);
  const length = Buffer.from([SOCKET_ADDRESS_OCTETS, 0, 0, 0]);
  return tryCall(which, [fd, octets, length]) < 0 ? undefined : readSocketAddress(octets);
}
