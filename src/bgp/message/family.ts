/** The families that we have words for: AFI with SAFI unicast (RFC 4760 section 5, RFC 2545). */
import type { Family } from "../../ip/address.ts";
import { AddressFamily, SAFI_UNICAST } from "./iana.ts";

/** Undefined for a pair that we do not speak. */
export function familyOfAfi(afi: number, safi: number): Family | undefined {
  if (safi !== SAFI_UNICAST) return undefined;
  if (afi === AddressFamily.ipv4) return 4;
  return afi === AddressFamily.ipv6 ? 6 : undefined;
}

export const afiOf = (family: Family): number => (family === 4 ? AddressFamily.ipv4 : AddressFamily.ipv6);

/** `ipv4`, `ipv6`; AFI and SAFI of others as numbers. */
export const familyName = (family: Family): string => (family === 4 ? "ipv4" : "ipv6");
