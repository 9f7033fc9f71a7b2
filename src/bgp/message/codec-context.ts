/** What two OPENs agreed on that changes octets on the wire, and the table that decoded attributes are kept in. */
import type { Family } from "../../ip/address.ts";
import type { AttributeTable } from "./attribute-table.ts";

/** What an encoder must know of the connection. */
export interface EncodeContext {
  /** RFC 6793: AS numbers in paths have four octets; both sides said so. */
  readonly fourOctetAs: boolean;
  /** RFC 8654: messages up to 65535 octets; both sides said so. */
  readonly extendedMessage: boolean;
}

/** What a decoder must know besides. */
export interface DecodeContext extends EncodeContext {
  /** RFC 4760: the families that both sides named; others' routes are set aside. */
  readonly families: readonly Family[];
  /** RFC 7313: the third octet of a ROUTE-REFRESH has a meaning. */
  readonly enhancedRouteRefresh: boolean;
  /** Same AS as ours, or not: some attributes mean nothing from an external peer (RFC 7606 section 7). */
  readonly peerType: "internal" | "external";
  readonly attributes: AttributeTable;
}

/** Before OPENs are exchanged nothing is agreed. */
export const contextBeforeOpen = (attributes: AttributeTable): DecodeContext => ({
  fourOctetAs: false,
  extendedMessage: false,
  families: [],
  enhancedRouteRefresh: false,
  peerType: "external",
  attributes,
});
