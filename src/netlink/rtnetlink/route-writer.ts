/**
 * The one message that goes out by the hundred thousand: an IPv4 route with at most one IPv4 next hop. Writes the same
 * octets as `route.ts` does by its tables (a test compares them), without an object in between.
 */
import type { Writer } from "../../wire/writer.ts";
import { Flag, HEADER_OCTETS, NESTED } from "../message.ts";
import { AddressFamily, NextHopFlag, RtmType } from "./codes.ts";

/** Filled anew for each message; what a route does not have is 0. */
export interface Ipv4RouteFields {
  destination: number;
  /** Of the destination's prefix. */
  length: number;
  table: number;
  /** RTN_*; 0 in a removal matches any. */
  type: number;
  /** RTPROT_*. */
  protocol: number;
  /** RT_SCOPE_*. */
  scope: number;
  metric: number;
  /** Preferred source. */
  source: number;
  /** Octets. */
  mtu: number;
  /** In place of device and gateway. */
  nexthopId: number;
  device: number;
  gateway: number;
  isOnlink: boolean;
}

/** What `writeIpv4Route` writes: a route that is set, whatever stands there, or one that goes. */
export const setRoute = { type: RtmType.newRoute, flags: Flag.request | Flag.create | Flag.replace } as const;
export const dropRoute = { type: RtmType.deleteRoute, flags: Flag.request } as const;

/** The structure of a route message (struct rtmsg). */
const RTMSG_OCTETS = 12;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_TABLE = 15;
const RTA_NH_ID = 30;
const RTAX_MTU = 2;
/** An attribute of 4 octets with its header. */
const U32_OCTETS = 8;

/** Writes a whole message of this type (RTM_NEWROUTE, RTM_DELROUTE) with these flags. */
export function writeIpv4Route(writer: Writer, kind: { type: number; flags: number }, route: Ipv4RouteFields): void {
  const usesObject = route.nexthopId !== 0;
  const octets = octetsOf(route);
  const start = writer.reserve(octets);
  writer.patchU32Host(start, octets);
  writer.patchU16Host(start + 4, kind.type);
  writer.patchU16Host(start + 6, kind.flags);
  let at = start + HEADER_OCTETS;
  writer.patchU8(at, AddressFamily.ipv4);
  writer.patchU8(at + 1, route.length);
  writer.patchU8(at + 4, route.table < 256 ? route.table : 0);
  writer.patchU8(at + 5, route.protocol);
  writer.patchU8(at + 6, route.scope);
  writer.patchU8(at + 7, route.type);
  if (route.isOnlink && !usesObject) writer.patchU32Host(at + 8, NextHopFlag.onlink);
  at = putAddress(writer, at + RTMSG_OCTETS, RTA_DST, route.destination);
  if (route.table >= 256) at = putNumber(writer, at, RTA_TABLE, route.table);
  if (route.metric !== 0) at = putNumber(writer, at, RTA_PRIORITY, route.metric);
  if (route.source !== 0) at = putAddress(writer, at, RTA_PREFSRC, route.source);
  if (route.mtu !== 0) {
    writer.patchU16Host(at, 4 + U32_OCTETS);
    writer.patchU16Host(at + 2, RTA_METRICS | NESTED);
    at = putNumber(writer, at + 4, RTAX_MTU, route.mtu);
  }
  if (usesObject) {
    putNumber(writer, at, RTA_NH_ID, route.nexthopId);
    return;
  }
  if (route.device !== 0) at = putNumber(writer, at, RTA_OIF, route.device);
  if (route.gateway !== 0) putAddress(writer, at, RTA_GATEWAY, route.gateway);
}

function octetsOf({ table, metric, source, mtu, nexthopId, device, gateway }: Ipv4RouteFields): number {
  const hop = nexthopId !== 0 ? 1 : Number(device !== 0) + Number(gateway !== 0);
  const numbers = 1 + Number(table >= 256) + Number(metric !== 0) + Number(source !== 0) + hop;
  return HEADER_OCTETS + RTMSG_OCTETS + numbers * U32_OCTETS + (mtu === 0 ? 0 : 4 + U32_OCTETS);
}

function putNumber(writer: Writer, at: number, type: number, value: number): number {
  writer.patchU16Host(at, U32_OCTETS);
  writer.patchU16Host(at + 2, type);
  writer.patchU32Host(at + 4, value);
  return at + U32_OCTETS;
}

function putAddress(writer: Writer, at: number, type: number, address: number): number {
  writer.patchU16Host(at, U32_OCTETS);
  writer.patchU16Host(at + 2, type);
  writer.patchU32(at + 4, address);
  return at + U32_OCTETS;
}
