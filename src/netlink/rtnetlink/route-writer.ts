/**
 * The one message that goes out by the hundred thousand: a route with at most one next hop. Writes the same octets as
 * `route.ts` does by its tables (a test compares them), without an object in between.
 */
import type { IpAddress } from "../../ip/address.ts";
import { addressOctets } from "../../ip/address.ts";
import type { Writer } from "../../wire/writer.ts";
import { beginMessage, endMessage, NESTED } from "../message.ts";
import { AddressFamily, NextHopFlag } from "./codes.ts";
import type { IfIndex } from "./link.ts";

export interface SingleRoute {
  readonly destination: IpAddress;
  /** Of the destination's prefix. */
  readonly length: number;
  readonly table: number;
  /** RTN_*; 0 in a removal matches any. */
  readonly type: number;
  readonly protocol: number;
  readonly scope: number;
  readonly metric: number;
  readonly device: IfIndex | undefined;
  readonly gateway: IpAddress | undefined;
  readonly onlink: boolean;
  /** In place of device and gateway. */
  readonly nexthopId: number | undefined;
  readonly source: IpAddress | undefined;
  readonly mtu: number | undefined;
}

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTA_NH_ID = 30;
const RTAX_MTU = 2;

/** Writes a whole message of the type (RTM_NEWROUTE, RTM_DELROUTE) with the flags. */
export function writeSingleRoute(writer: Writer, kind: { type: number; flags: number }, route: SingleRoute): void {
  const isIpv4 = typeof route.destination === "number";
  const usesObject = route.nexthopId !== undefined;
  const at = beginMessage(writer, kind.type, kind.flags);
  writer.u8(isIpv4 ? AddressFamily.ipv4 : AddressFamily.ipv6);
  writer.u8(route.length);
  writer.u16Host(0);
  writer.u8(route.table < 256 ? route.table : 0);
  writer.u8(route.protocol);
  writer.u8(route.scope);
  writer.u8(route.type);
  writer.u32Host(route.onlink && !usesObject ? NextHopFlag.onlink : 0);
  writeAddress(writer, RTA_DST, route.destination);
  if (route.table >= 256) writeU32(writer, RTA_TABLE, route.table);
  if (route.metric !== 0) writeU32(writer, RTA_PRIORITY, route.metric);
  if (route.source !== undefined) writeAddress(writer, RTA_PREFSRC, route.source);
  if (route.mtu !== undefined) {
    writer.u16Host(12);
    writer.u16Host(RTA_METRICS | NESTED);
    writeU32(writer, RTAX_MTU, route.mtu);
  }
  if (route.nexthopId !== undefined) writeU32(writer, RTA_NH_ID, route.nexthopId);
  else writeHop(writer, route, isIpv4);
  endMessage(writer, at);
}

function writeHop(writer: Writer, { device, gateway }: SingleRoute, isIpv4: boolean): void {
  if (device !== undefined) writeU32(writer, RTA_OIF, device);
  if (gateway === undefined) return;
  if ((typeof gateway === "number") === isIpv4) {
    writeAddress(writer, RTA_GATEWAY, gateway);
    return;
  }
  const octets = addressOctets(gateway);
  writer.u16Host(6 + octets.length);
  writer.u16Host(RTA_VIA);
  writer.u16Host(typeof gateway === "number" ? AddressFamily.ipv4 : AddressFamily.ipv6);
  writer.octets(octets);
  writer.zeros(2);
}

function writeU32(writer: Writer, type: number, value: number): void {
  writer.u16Host(8);
  writer.u16Host(type);
  writer.u32Host(value);
}

function writeAddress(writer: Writer, type: number, address: IpAddress): void {
  if (typeof address === "number") {
    writer.u16Host(8);
    writer.u16Host(type);
    writer.u32(address);
  } else {
    writer.u16Host(20);
    writer.u16Host(type);
    writer.u64(address >> 64n);
    writer.u64(address & 0xffff_ffff_ffff_ffffn);
  }
}
