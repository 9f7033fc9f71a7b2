/**
 * AS_PATH and AS4_PATH (RFC 4271 section 4.3, RFC 5065 section 3, RFC 6793), and what RFC 6793 makes of both.
 *
 *     | type | count | AS numbers: 2 or 4 octets each | type | count | …
 */
import type { Writer } from "../../wire/writer.ts";
import { MAX_TWO_OCTET_ASN, twoOctetAsn } from "./asn.ts";
import type { Asn, AsPathSegment } from "./types.ts";

/** By type less one. */
const kinds = ["set", "sequence", "confederationSequence", "confederationSet"] as const;
const MAX_SEGMENT_ASNS = 255;
const HEAD_OCTETS = 2;

/** Of an AS number in a path. */
type AsnOctets = 2 | 4;

export const isConfederation = ({ kind }: AsPathSegment): boolean =>
  kind === "confederationSequence" || kind === "confederationSet";

/** Where a path stands in a message. */
interface PathField {
  readonly view: DataView;
  readonly at: number;
  readonly length: number;
}

/** The path, or what is wrong with it (RFC 7606 section 7.2, RFC 7607 section 2). */
export function decodeAsPath({ view, at, length }: PathField, asnOctets: AsnOctets): AsPathSegment[] | string {
  const segments: AsPathSegment[] = [];
  const end = at + length;
  while (at < end) {
    if (end - at < HEAD_OCTETS) return "an octet is left behind its segments";
    const type = view.getUint8(at);
    const count = view.getUint8(at + 1);
    const kind = kinds[type - 1];
    at += HEAD_OCTETS;
    if (kind === undefined) return `segment of type ${type}`;
    if (count === 0) return "segment without AS numbers";
    if (count * asnOctets > end - at) return `segment of ${count} AS numbers with ${end - at} octets left`;
    const asns: Asn[] = [];
    for (const next = at + count * asnOctets; at < next; at += asnOctets) {
      const asn = asnOctets === 4 ? view.getUint32(at) : view.getUint16(at);
      if (asn === 0) return "AS 0";
      asns.push(asn);
    }
    segments.push({ kind, asns });
  }
  return segments;
}

export function asPathOctets(path: readonly AsPathSegment[], asnOctets: AsnOctets): number {
  let octets = 0;
  for (const { asns } of path) {
    octets += Math.ceil(asns.length / MAX_SEGMENT_ASNS) * HEAD_OCTETS + asns.length * asnOctets;
  }
  return octets;
}

/** A segment of more than 255 AS numbers, as prepending makes it, becomes several (RFC 4271 section 5.1.2). */
export function encodeAsPath(writer: Writer, path: readonly AsPathSegment[], asnOctets: AsnOctets): void {
  for (const { kind, asns } of path) {
    for (let from = 0; from < asns.length; from += MAX_SEGMENT_ASNS) {
      const part = asns.length > MAX_SEGMENT_ASNS ? asns.slice(from, from + MAX_SEGMENT_ASNS) : asns;
      writer.u8(kinds.indexOf(kind) + 1);
      writer.u8(part.length);
      for (const asn of part) {
        if (asnOctets === 4) writer.u32(asn);
        else writer.u16(twoOctetAsn(asn));
      }
    }
  }
}

/** The path for AS4_PATH; undefined where AS_PATH of two octets says all (RFC 6793 section 4.2.2). */
export function as4PathOf(path: readonly AsPathSegment[]): readonly AsPathSegment[] | undefined {
  const isNeeded = path.some((segment) => segment.asns.some((asn) => asn > MAX_TWO_OCTET_ASN));
  return isNeeded ? path.filter((segment) => !isConfederation(segment)) : undefined;
}

/** RFC 4271 section 9.1.2.2, RFC 5065 section 5.3: a set counts once, confederation segments not at all. */
export function asPathLength(path: readonly AsPathSegment[]): number {
  let length = 0;
  for (const { kind, asns } of path) {
    if (kind === "sequence") length += asns.length;
    else if (kind === "set") length++;
  }
  return length;
}

/**
 * What both attributes tell together (RFC 6793 section 4.2.3): the four-octet path, with as much of the other before it as
 * speakers of two octets have put there since. Confederation segments in AS4_PATH do not count (section 6).
 */
export function mergeAs4Path(
  asPath: readonly AsPathSegment[],
  as4Path: readonly AsPathSegment[],
): readonly AsPathSegment[] {
  const known = as4Path.filter((segment) => !isConfederation(segment));
  let missing = asPathLength(asPath) - asPathLength(known);
  if (missing < 0) return asPath;
  const merged: AsPathSegment[] = [];
  for (const segment of asPath) {
    const { kind, asns } = segment;
    if (isConfederation(segment)) {
      merged.push(segment);
      continue;
    }
    if (missing === 0) break;
    const taken = kind === "sequence" ? asns.slice(0, missing) : asns;
    merged.push({ kind, asns: taken });
    missing -= kind === "sequence" ? taken.length : 1;
    if (taken.length < asns.length) break;
  }
  return joinSequences([...merged, ...known]);
}

/** Neighbouring sequences are one, as far as one holds them. */
function joinSequences(path: readonly AsPathSegment[]): readonly AsPathSegment[] {
  const joined: AsPathSegment[] = [];
  for (const segment of path) {
    const last = joined.at(-1);
    const fits = last?.kind === "sequence" && segment.kind === "sequence";
    if (fits && last.asns.length + segment.asns.length <= MAX_SEGMENT_ASNS) {
      joined[joined.length - 1] = { kind: "sequence", asns: [...last.asns, ...segment.asns] };
    } else joined.push(segment);
  }
  return joined;
}

/** As BIRD prints it: sets in braces, confederation sequences in parentheses, confederation sets in brackets. */
export function formatAsPath(path: readonly AsPathSegment[]): string {
  const text = path.map(({ kind, asns }) => {
    const list = asns.join(" ");
    if (kind === "sequence") return list;
    if (kind === "set") return `{${list}}`;
    return kind === "confederationSequence" ? `(${list})` : `[${list}]`;
  });
  return text.join(" ");
}
