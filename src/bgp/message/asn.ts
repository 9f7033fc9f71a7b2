/** AS numbers in fields of two octets (RFC 6793). */
import type { Asn } from "./types.ts";

/** RFC 6793 section 9: stands for a number that needs four octets. */
export const AS_TRANS = 23456;
export const MAX_TWO_OCTET_ASN = 0xffff;

export const twoOctetAsn = (asn: Asn): number => (asn > MAX_TWO_OCTET_ASN ? AS_TRANS : asn);
