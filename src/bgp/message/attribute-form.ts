/**
 * The octets by which a block of attributes is known again. For IPv4 the whole block counts; for IPv6 what is left without
 * the prefixes in it: the next hop, and what follows MP_REACH_NLRI where that is first, as RFC 7606 section 5.1 wants it.
 */
import { readField } from "./attribute-decoder.ts";
import type { MpPrefixes } from "./attribute-draft.ts";
import type { OctetsKind } from "./attribute-table.ts";
import type { DecodeContext } from "./codec-context.ts";
import { AddressFamily, AttributeCode, AttributeFlag, SAFI_UNICAST } from "./iana.ts";
import { REACH_HEAD_OCTETS } from "./mp-rows.ts";
import type { Span } from "./nlri.ts";

export interface AttributeForm {
  readonly kind: OctetsKind;
  /** One character an octet. */
  readonly octets: string;
  /** IPv6: where the prefixes are. */
  readonly reach?: MpPrefixes;
}

/** Of an UPDATE with prefixes behind its attributes. */
export const plainForm = (view: DataView, attributes: Span, context: DecodeContext): AttributeForm => ({
  kind: kindOf(0, context),
  octets: textOf(view, attributes),
});

/** Of an UPDATE without; undefined where MP_REACH_NLRI for IPv6 is not the first attribute, or is not as it should be. */
export function leadingReachForm(view: DataView, attributes: Span, context: DecodeContext): AttributeForm | undefined {
  const field = readField(view, attributes.at, attributes.end);
  if (typeof field === "string" || field.code !== AttributeCode.mpReachNlri) return undefined;
  const { at, length, flags } = field;
  const isSane = (flags & (AttributeFlag.optional | AttributeFlag.transitive)) === AttributeFlag.optional;
  if (!isSane || length < REACH_HEAD_OCTETS || !context.families.includes(6)) return undefined;
  if (view.getUint16(at) !== AddressFamily.ipv6 || view.getUint8(at + 2) !== SAFI_UNICAST) return undefined;
  const nextHop = { at: at + 3, end: at + 4 + view.getUint8(at + 3) };
  const prefixes = { at: nextHop.end + 1, end: at + length };
  if (prefixes.at > prefixes.end) return undefined;
  const rest = { at: prefixes.end, end: attributes.end };
  return {
    kind: kindOf(4, context),
    octets: textOf(view, nextHop) + textOf(view, rest),
    reach: { field, family: 6, prefixes },
  };
}

/** The same octets mean different things to different sessions and families. */
const kindOf = (family: 0 | 4, { fourOctetAs, peerType }: DecodeContext): OctetsKind =>
  (family + (fourOctetAs ? 2 : 0) + (peerType === "internal" ? 1 : 0)) as OctetsKind;

const textOf = ({ buffer, byteOffset }: DataView, { at, end }: Span): string =>
  Buffer.from(buffer, byteOffset + at, end - at).toString("latin1");
