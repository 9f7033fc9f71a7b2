/**
 * Rows of the attributes that carry prefixes themselves (RFC 4760 sections 3 and 4). The rows find family, next hop and
 * the place of the prefixes; `update-decoder.ts` reads those, `update-encoder.ts` writes both attributes with as many as fit.
 *
 *     MP_REACH_NLRI     | AFI:2 | SAFI | octets of next hop | next hop | reserved | prefixes |
 *     MP_UNREACH_NLRI   | AFI:2 | SAFI | prefixes |
 */
import { type Family, formatAddress } from "../../ip/address.ts";
import type { AttributeRow } from "./attribute-draft.ts";
import type { DecodeContext } from "./codec-context.ts";
import { familyOfAfi } from "./family.ts";
import { AttributeCode } from "./iana.ts";
import { isHostAddress, readNextHops } from "./next-hop.ts";

export const REACH_HEAD_OCTETS = 5;
export const UNREACH_HEAD_OCTETS = 3;

/** The family of an attribute with prefixes, or why it is set aside. */
function familyAt(view: DataView, at: number, { families }: DecodeContext): Family | string {
  const afi = view.getUint16(at);
  const safi = view.getUint8(at + 2);
  const family = familyOfAfi(afi, safi);
  if (family !== undefined && families.includes(family)) return family;
  return `AFI ${afi}, SAFI ${safi}: this session does not carry them (RFC 4760 section 8)`;
}

const neverAlone = { octets: (): undefined => undefined, encode: (): void => {} };

export const mpReachRow: AttributeRow = {
  code: AttributeCode.mpReachNlri,
  name: "MP_REACH_NLRI",
  rfc: "RFC 4760 section 3",
  category: "optionalNonTransitive",
  malformed: "reset",
  malformedRfc: "RFC 7606 section 7.11",
  fits: (length) => length >= REACH_HEAD_OCTETS,
  decode(field, draft, context) {
    const { view, code, at, length } = field;
    const family = familyAt(view, at, context);
    if (typeof family === "string") {
      draft.report(code, "discard", family);
      return undefined;
    }
    const nextHopAt = at + REACH_HEAD_OCTETS - 1;
    const nextHopOctets = view.getUint8(nextHopAt - 1);
    const found =
      length >= REACH_HEAD_OCTETS + nextHopOctets ? readNextHops(view, nextHopAt, nextHopOctets) : undefined;
    // RFC 8950 would allow 16 and 32 octets for IPv4 where both sides said so.
    if (found === undefined || (typeof found.nextHop === "number") !== (family === 4)) {
      return `next hop of ${nextHopOctets} octets`;
    }
    if (!isHostAddress(found.nextHop)) {
      draft.report(code, "withdraw", `${formatAddress(found.nextHop)} is no host (RFC 7606 section 3 e)`);
    }
    draft.reach = { field, family, ...found, prefixes: { at: nextHopAt + nextHopOctets + 1, end: at + length } };
    return undefined;
  },
  ...neverAlone,
  print({ nextHop, linkLocalNextHop }) {
    if (typeof nextHop === "number") return undefined;
    const second = linkLocalNextHop === undefined ? "" : ` ${formatAddress(linkLocalNextHop)}`;
    return `next hop ${formatAddress(nextHop)}${second}`;
  },
};

export const mpUnreachRow: AttributeRow = {
  code: AttributeCode.mpUnreachNlri,
  name: "MP_UNREACH_NLRI",
  rfc: "RFC 4760 section 4",
  category: "optionalNonTransitive",
  malformed: "reset",
  malformedRfc: "RFC 7606 section 7.12",
  fits: (length) => length >= UNREACH_HEAD_OCTETS,
  decode(field, draft, context) {
    const { view, code, at, length } = field;
    const family = familyAt(view, at, context);
    if (typeof family === "string") draft.report(code, "discard", family);
    else draft.unreach = { field, family, prefixes: { at: at + UNREACH_HEAD_OCTETS, end: at + length } };
    return undefined;
  },
  ...neverAlone,
  print: () => undefined,
};
