/** The kernel's tables of neighbours, one for each family and all namespaces: ndtmsg and NDTA_* (linux/neighbour.h). */
import type { Family } from "../../ip/address.ts";
import { AttributeSet, octets, u32 } from "../attributes.ts";
import { NetlinkFormatError } from "../message.ts";
import { BodyCodec, type BodyIn } from "./body.ts";
import { AddressFamily } from "./codes.ts";

const ndtmsg = { family: "u8", pad: "u8", pad2: "u16" } as const;

export const neighbourTableBody = new BodyCodec(
  ndtmsg,
  new AttributeSet({
    hardLimit: [4, u32],
    statistics: [7, octets],
  } as const),
);
export type NeighbourTableBody = BodyIn<typeof neighbourTableBody>;

export interface NeighbourTable {
  readonly family: Family;
  /** gc_thresh3: so many that were learned have a place. */
  readonly hardLimit: number;
  /** How often one found no place, since the kernel started. */
  readonly fulls: number;
}

/** ndts_table_fulls, the eleventh 64-bit number of struct ndt_stats. */
const FULLS_OFFSET = 80;

/** Undefined for what is no table: the parameters of one device, which are listed with them. Throws NetlinkFormatError. */
export function neighbourTableOf({ header, attributes }: NeighbourTableBody): NeighbourTable | undefined {
  const { hardLimit, statistics } = attributes;
  if (hardLimit === undefined || statistics === undefined) return undefined;
  if (statistics.length < FULLS_OFFSET + 8) {
    throw new NetlinkFormatError("badAttribute", `statistics of ${statistics.length} octets`, 0);
  }
  const view = new DataView(statistics.buffer, statistics.byteOffset, statistics.length);
  const fulls = Number(view.getBigUint64(FULLS_OFFSET, true));
  return { family: header.family === AddressFamily.ipv6 ? 6 : 4, hardLimit, fulls };
}
