/** A raw socket for IP-in-IP: gives whole outer packets to one address, and takes ones with their headers. raw(7). */
import type { Ipv4 } from "../../ip/address.ts";
import { call, tryCall } from "./libc.ts";
import { AF_INET, socketAddress } from "./socket-address.ts";

const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const IPPROTO_IPIP = 4;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_TTL = 2;
const IP_HDRINCL = 3;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_DONT = 0;
const IP_FREEBIND = 15;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
/** Some milliseconds of 10 Gbit/s; without privileges the kernel gives less. */
const BUFFER_OCTETS = 8 << 20;

const int = (value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeInt32LE(value);
  return octets;
};

/** Receives what is sent to `local`, also where that address is yet to come. Throws KernelError. The caller closes it. */
export function openTunnelSocket(local: Ipv4): number {
  const fd = call("socket", [AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_IPIP], "IP-in-IP socket");
  try {
    for (const [force, plain] of [
      [SO_RCVBUFFORCE, SO_RCVBUF],
      [SO_SNDBUFFORCE, SO_SNDBUF],
    ]) {
      if (tryCall("setsockopt", [fd, SOL_SOCKET, force, int(BUFFER_OCTETS), 4]) < 0) {
        call("setsockopt", [fd, SOL_SOCKET, plain, int(BUFFER_OCTETS), 4], "IP-in-IP socket");
      }
    }
    for (const option of [IP_HDRINCL, IP_FREEBIND]) call("setsockopt", [fd, IPPROTO_IP, option, int(1), 4], "ip");
    const address = socketAddress(local, 0);
    call("bind", [fd, address, address.length], "IP-in-IP socket");
    return fd;
  } catch (failure) {
    call("close", [fd]);
    throw failure;
  }
}

export interface OuterHeader {
  readonly local: Ipv4;
  readonly remote: Ipv4;
  readonly ttl: number;
  readonly tos: number;
}

/** Sends one packet with an outer header that the kernel writes, without DF and in as many fragments as it takes. Throws KernelError. */
export function sendFragmented({ local, remote, ttl, tos }: OuterHeader, packet: Uint8Array): void {
  const fd = call("socket", [AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_IPIP], "IP-in-IP socket");
  try {
    for (const [option, value] of [
      [IP_FREEBIND, 1],
      [IP_MTU_DISCOVER, IP_PMTUDISC_DONT],
      [IP_TTL, ttl],
      [IP_TOS, tos],
    ] as const) {
      call("setsockopt", [fd, IPPROTO_IP, option, int(value), 4], "ip");
    }
    const [from, to] = [socketAddress(local, 0), socketAddress(remote, 0)];
    call("bind", [fd, from, from.length], "IP-in-IP socket");
    call("sendto", [fd, packet, packet.length, 0, to, to.length], "IP-in-IP socket");
  } finally {
    call("close", [fd]);
  }
}
