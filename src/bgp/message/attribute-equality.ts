/** Whether two attribute sets say the same, and a number that is equal where they do. Lists count in their order. */
import type { IpAddress } from "../../ip/address.ts";
import type { AsPathSegment, AttributeSet, LargeCommunity, OpaqueAttribute } from "./types.ts";

const mix = (hash: number, value: number): number => Math.imul(hash ^ value, 0x01000193) ^ (hash >>> 15);

const low32 = (value: bigint): number => Number(BigInt.asUintN(32, value));

const hashAddress = (address: IpAddress): number =>
  typeof address === "number" ? address : low32(address) ^ low32(address >> 32n) ^ low32(address >> 64n);

const firstOctets = (octets: Uint8Array): number =>
  octets.length * 0x10001 + (octets[0] ?? 0) * 0x101 + (octets[octets.length - 1] ?? 0);

/** 32 bits; sets of different content seldom share one. */
export function hashAttributes(set: AttributeSet): number {
  let hash = mix(hashAddress(set.nextHop), set.origin.length);
  hash = mix(mix(hash, set.med ?? -1), set.localPref ?? -1);
  hash = mix(mix(hash, set.originatorId ?? -1), set.aggregator?.routerId ?? -1);
  for (const { asns } of set.asPath) {
    for (const asn of asns) hash = mix(hash, asn);
    hash = mix(hash, asns.length);
  }
  for (const community of set.communities) hash = mix(hash, community);
  for (const community of set.extendedCommunities) hash = mix(mix(hash, low32(community)), low32(community >> 32n));
  for (const { global, local1, local2 } of set.largeCommunities) hash = mix(mix(mix(hash, global), local1), local2);
  for (const cluster of set.clusterList) hash = mix(hash, cluster);
  for (const { code, octets } of set.opaque) hash = mix(mix(hash, code), firstOctets(octets));
  return hash | 0;
}

export const equalAttributes = (a: AttributeSet, b: AttributeSet): boolean =>
  a.nextHop === b.nextHop &&
  a.origin === b.origin &&
  a.med === b.med &&
  a.localPref === b.localPref &&
  a.originatorId === b.originatorId &&
  a.linkLocalNextHop === b.linkLocalNextHop &&
  a.atomicAggregate === b.atomicAggregate &&
  a.aggregator?.asn === b.aggregator?.asn &&
  a.aggregator?.routerId === b.aggregator?.routerId &&
  equalLists(a.asPath, b.asPath, equalSegments) &&
  equalLists(a.communities, b.communities, Object.is) &&
  equalLists(a.clusterList, b.clusterList, Object.is) &&
  equalLists(a.extendedCommunities, b.extendedCommunities, Object.is) &&
  equalLists(a.largeCommunities, b.largeCommunities, equalLargeCommunities) &&
  equalLists(a.opaque, b.opaque, equalOpaque) &&
  equalLists(a.partial ?? [], b.partial ?? [], Object.is);

function equalLists<T>(a: readonly T[], b: readonly T[], equal: (x: T, y: T) => boolean): boolean {
  return a === b || (a.length === b.length && a.every((value, index) => equal(value, b[index] as T)));
}

const equalSegments = (a: AsPathSegment, b: AsPathSegment): boolean =>
  a.kind === b.kind && equalLists(a.asns, b.asns, Object.is);

const equalLargeCommunities = (a: LargeCommunity, b: LargeCommunity): boolean =>
  a.global === b.global && a.local1 === b.local1 && a.local2 === b.local2;

const equalOpaque = (a: OpaqueAttribute, b: OpaqueAttribute): boolean =>
  a.code === b.code && a.flags === b.flags && Buffer.compare(a.octets, b.octets) === 0;
