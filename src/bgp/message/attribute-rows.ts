/**
 * The path attributes, one row each, ascending by code. A new attribute is a row here, its code point in `iana.ts` and a field of
 * `AttributeSet`. MP_REACH_NLRI is first in a message nevertheless (RFC 7606 section 5.1): `update-encoder.ts`.
 */
import { formatAddress } from "../../ip/address.ts";
import { as4PathOf, asPathOctets, decodeAsPath, encodeAsPath, formatAsPath, isConfederation } from "./as-path.ts";
import { MAX_TWO_OCTET_ASN, twoOctetAsn } from "./asn.ts";
import type { AttributeField, AttributeRow } from "./attribute-draft.ts";
import { AttributeCode } from "./iana.ts";
import { clusterListRow, communitiesRow, extendedCommunitiesRow, largeCommunitiesRow } from "./list-rows.ts";
import { mpReachRow, mpUnreachRow } from "./mp-rows.ts";
import { isHostAddress, readIpv4 } from "./next-hop.ts";
import type { Origin } from "./types.ts";

/** RFC 4271 section 4.3, in the order of their numbers. */
const origins: readonly Origin[] = ["igp", "egp", "incomplete"];

const exactly =
  (octets: number) =>
  (length: number): boolean =>
    length === octets;

const u32 = ({ view, at }: AttributeField): number => view.getUint32(at);
const present = (value: number | undefined): number | undefined => (value === undefined ? undefined : 4);
const text = (value: number | undefined): string | undefined => value?.toString();
const nothing = (): undefined => undefined;

const originRow: AttributeRow = {
  code: AttributeCode.origin,
  name: "ORIGIN",
  rfc: "RFC 4271 section 5.1.1",
  category: "wellKnown",
  malformed: "withdraw",
  malformedRfc: "RFC 7606 section 7.1",
  fits: exactly(1),
  decode({ view, at }, draft) {
    const value = view.getUint8(at);
    draft.origin = origins[value];
    return draft.origin === undefined ? `value ${value}` : undefined;
  },
  octets: () => 1,
  encode: (writer, { origin }) => writer.u8(origins.indexOf(origin)),
  print: ({ origin }) => origin,
};

const asPathRow: AttributeRow = {
  code: AttributeCode.asPath,
  name: "AS_PATH",
  rfc: "RFC 4271 section 5.1.2",
  category: "wellKnown",
  malformed: "withdraw",
  malformedRfc: "RFC 7606 section 7.2",
  fits: () => true,
  decode(field, draft, { fourOctetAs, peerType }) {
    const path = decodeAsPath(field, fourOctetAs ? 4 : 2);
    if (typeof path === "string") return path;
    if (peerType === "external" && path.some(isConfederation)) {
      return "confederation segment from outside of a confederation (RFC 5065 section 5)";
    }
    draft.asPath = path;
    return undefined;
  },
  octets: ({ asPath }, { fourOctetAs }) => asPathOctets(asPath, fourOctetAs ? 4 : 2),
  encode: (writer, { asPath }, { fourOctetAs }) => encodeAsPath(writer, asPath, fourOctetAs ? 4 : 2),
  print: ({ asPath }) => formatAsPath(asPath),
};

/** Of IPv4 only: IPv6's stands in MP_REACH_NLRI. */
const nextHopRow: AttributeRow = {
  code: AttributeCode.nextHop,
  name: "NEXT_HOP",
  rfc: "RFC 4271 section 5.1.3",
  category: "wellKnown",
  malformed: "withdraw",
  malformedRfc: "RFC 7606 section 7.3",
  fits: exactly(4),
  decode({ view, at }, draft) {
    const nextHop = readIpv4(view, at);
    if (!isHostAddress(nextHop)) return `${formatAddress(nextHop)} is no host`;
    draft.nextHop = nextHop;
    return undefined;
  },
  octets: ({ nextHop }) => (typeof nextHop === "number" ? 4 : undefined),
  encode: (writer, { nextHop }) => writer.u32(Number(nextHop)),
  print: ({ nextHop }) => (typeof nextHop === "number" ? formatAddress(nextHop) : undefined),
};

const multiExitDiscRow: AttributeRow = {
  code: AttributeCode.multiExitDisc,
  name: "MULTI_EXIT_DISC",
  rfc: "RFC 4271 section 5.1.4",
  category: "optionalNonTransitive",
  malformed: "withdraw",
  malformedRfc: "RFC 7606 section 7.4",
  fits: exactly(4),
  decode(field, draft) {
    draft.med = u32(field);
    return undefined;
  },
  octets: ({ med }) => present(med),
  encode: (writer, { med = 0 }) => writer.u32(med),
  print: ({ med }) => text(med),
};

const localPrefRow: AttributeRow = {
  code: AttributeCode.localPref,
  name: "LOCAL_PREF",
  rfc: "RFC 4271 section 5.1.5",
  category: "wellKnown",
  malformed: "withdraw",
  malformedRfc: "RFC 7606 section 7.5",
  isInternalOnly: true,
  fits: exactly(4),
  decode(field, draft) {
    draft.localPref = u32(field);
    return undefined;
  },
  octets: ({ localPref }) => present(localPref),
  encode: (writer, { localPref = 0 }) => writer.u32(localPref),
  print: ({ localPref }) => text(localPref),
};

const atomicAggregateRow: AttributeRow = {
  code: AttributeCode.atomicAggregate,
  name: "ATOMIC_AGGREGATE",
  rfc: "RFC 4271 section 5.1.6",
  category: "wellKnown",
  malformed: "discard",
  malformedRfc: "RFC 7606 section 7.6",
  fits: exactly(0),
  decode(_, draft) {
    draft.atomicAggregate = true;
    return undefined;
  },
  octets: ({ atomicAggregate }) => (atomicAggregate ? 0 : undefined),
  encode: nothing,
  print: ({ atomicAggregate }) => (atomicAggregate ? "" : undefined),
};

const aggregatorRow: AttributeRow = {
  code: AttributeCode.aggregator,
  name: "AGGREGATOR",
  rfc: "RFC 4271 section 5.1.7",
  category: "optionalTransitive",
  malformed: "discard",
  malformedRfc: "RFC 7606 section 7.7",
  fits: (length, { fourOctetAs }) => length === (fourOctetAs ? 8 : 6),
  decode({ view, at, length }, draft) {
    const asn = length === 8 ? view.getUint32(at) : view.getUint16(at);
    if (asn === 0) return "AS 0 (RFC 7607 section 2)";
    draft.aggregator = { asn, routerId: readIpv4(view, at + length - 4) };
    return undefined;
  },
  octets: ({ aggregator }, { fourOctetAs }) => aggregator && (fourOctetAs ? 8 : 6),
  encode(writer, { aggregator }, { fourOctetAs }) {
    if (!aggregator) return;
    if (fourOctetAs) writer.u32(aggregator.asn);
    else writer.u16(twoOctetAsn(aggregator.asn));
    writer.u32(aggregator.routerId);
  },
  print: ({ aggregator }) => aggregator && `${aggregator.asn} ${formatAddress(aggregator.routerId)}`,
};

const originatorIdRow: AttributeRow = {
  code: AttributeCode.originatorId,
  name: "ORIGINATOR_ID",
  rfc: "RFC 4456 section 8",
  category: "optionalNonTransitive",
  malformed: "withdraw",
  malformedRfc: "RFC 7606 section 7.9",
  isInternalOnly: true,
  fits: exactly(4),
  decode({ view, at }, draft) {
    draft.originatorId = readIpv4(view, at);
    return undefined;
  },
  octets: ({ originatorId }) => present(originatorId),
  encode: (writer, { originatorId = 0 }) => writer.u32(originatorId),
  print: ({ originatorId }) => (originatorId === undefined ? undefined : formatAddress(originatorId)),
};

/** Merged into AS_PATH, so nothing is left to print. */
const as4PathRow: AttributeRow = {
  code: AttributeCode.as4Path,
  name: "AS4_PATH",
  rfc: "RFC 6793 section 3",
  category: "optionalTransitive",
  malformed: "discard",
  malformedRfc: "RFC 6793 section 6",
  fits: (length) => length > 0,
  decode(field, draft, { fourOctetAs }) {
    if (fourOctetAs) return "from a peer that sends AS numbers of four octets (RFC 6793 section 4.1)";
    const path = decodeAsPath(field, 4);
    if (typeof path === "string") return path;
    draft.as4Path = path;
    return undefined;
  },
  octets({ asPath }, { fourOctetAs }) {
    const path = fourOctetAs ? undefined : as4PathOf(asPath);
    return path && asPathOctets(path, 4);
  },
  encode: (writer, { asPath }) => encodeAsPath(writer, as4PathOf(asPath) ?? [], 4),
  print: nothing,
};

/** Merged into AGGREGATOR. */
const as4AggregatorRow: AttributeRow = {
  code: AttributeCode.as4Aggregator,
  name: "AS4_AGGREGATOR",
  rfc: "RFC 6793 section 3",
  category: "optionalTransitive",
  malformed: "discard",
  malformedRfc: "RFC 6793 section 6",
  fits: exactly(8),
  decode({ view, at }, draft, { fourOctetAs }) {
    if (fourOctetAs) return "from a peer that sends AS numbers of four octets (RFC 6793 section 4.1)";
    const asn = view.getUint32(at);
    if (asn === 0) return "AS 0 (RFC 7607 section 2)";
    draft.as4Aggregator = { asn, routerId: readIpv4(view, at + 4) };
    return undefined;
  },
  octets: ({ aggregator }, { fourOctetAs }) =>
    !fourOctetAs && aggregator && aggregator.asn > MAX_TWO_OCTET_ASN ? 8 : undefined,
  encode(writer, { aggregator }) {
    if (!aggregator) return;
    writer.u32(aggregator.asn);
    writer.u32(aggregator.routerId);
  },
  print: nothing,
};

export const attributeRows: readonly AttributeRow[] = [
  originRow,
  asPathRow,
  nextHopRow,
  multiExitDiscRow,
  localPrefRow,
  atomicAggregateRow,
  aggregatorRow,
  communitiesRow,
  originatorIdRow,
  clusterListRow,
  mpReachRow,
  mpUnreachRow,
  extendedCommunitiesRow,
  as4PathRow,
  as4AggregatorRow,
  largeCommunitiesRow,
];

const rowsByCode: readonly (AttributeRow | undefined)[] = Array.from({ length: 256 }, (_, code) =>
  attributeRows.find((row) => row.code === code),
);

export const attributeRow = (code: number): AttributeRow | undefined => rowsByCode[code];

/** The registry's name, or `attribute 99`. */
export const attributeName = (code: number): string => attributeRow(code)?.name ?? `attribute ${code}`;
