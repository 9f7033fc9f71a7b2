/** Rows of the attributes that are lists of values of one size: communities of three kinds, and the cluster list. */
import { formatAddress, type Ipv4 } from "../../ip/address.ts";
import type { Writer } from "../../wire/writer.ts";
import type { AttributeDraft, AttributeRow } from "./attribute-draft.ts";
import { AttributeCode } from "./iana.ts";
import { readIpv4 } from "./next-hop.ts";
import type { AttributeSet, LargeCommunity } from "./types.ts";

interface ListFacts<T> {
  /** Octets of one value. */
  readonly size: number;
  read(view: DataView, at: number): T;
  write(writer: Writer, value: T): void;
  format(value: T): string;
  of(set: AttributeSet): readonly T[];
  take(draft: AttributeDraft, values: readonly T[]): void;
}

type ListRowFacts = Omit<AttributeRow, "malformed" | "fits" | "decode" | "octets" | "encode" | "print">;

/** An empty list is malformed, and so is half a value. */
const listRow = <T>(facts: ListRowFacts, { size, read, write, format, of, take }: ListFacts<T>): AttributeRow => ({
  ...facts,
  malformed: "withdraw",
  fits: (length) => length > 0 && length % size === 0,
  decode({ view, at, length }, draft) {
    const values: T[] = [];
    for (let next = at; next < at + length; next += size) values.push(read(view, next));
    take(draft, values);
    return undefined;
  },
  octets: (set) => of(set).length * size || undefined,
  encode(writer, set) {
    for (const value of of(set)) write(writer, value);
  },
  print: (set) => (of(set).length === 0 ? undefined : of(set).map(format).join(" ")),
});

/** RFC 1997: `65001:100`. */
export const formatCommunity = (community: number): string => `${community >>> 16}:${community & 0xffff}`;

/** RFC 8092 section 5: `65001:1:2`. */
export const formatLargeCommunity = ({ global, local1, local2 }: LargeCommunity): string =>
  `${global}:${local1}:${local2}`;

export const communitiesRow = listRow<number>(
  {
    code: AttributeCode.communities,
    name: "COMMUNITIES",
    rfc: "RFC 1997",
    category: "optionalTransitive",
    malformedRfc: "RFC 7606 section 7.8",
  },
  {
    size: 4,
    read: (view, at) => view.getUint32(at),
    write: (writer, value) => writer.u32(value),
    format: formatCommunity,
    of: ({ communities }) => communities,
    take: (draft, values) => {
      draft.communities = values;
    },
  },
);

export const clusterListRow = listRow<Ipv4>(
  {
    code: AttributeCode.clusterList,
    name: "CLUSTER_LIST",
    rfc: "RFC 4456 section 8",
    category: "optionalNonTransitive",
    malformedRfc: "RFC 7606 section 7.10",
    isInternalOnly: true,
  },
  {
    size: 4,
    read: readIpv4,
    write: (writer, value) => writer.u32(value),
    format: formatAddress,
    of: ({ clusterList }) => clusterList,
    take: (draft, values) => {
      draft.clusterList = values;
    },
  },
);

export const extendedCommunitiesRow = listRow<bigint>(
  {
    code: AttributeCode.extendedCommunities,
    name: "EXTENDED COMMUNITIES",
    rfc: "RFC 4360",
    category: "optionalTransitive",
    malformedRfc: "RFC 7606 section 7.14",
  },
  {
    size: 8,
    read: (view, at) => view.getBigUint64(at),
    write: (writer, value) => writer.u64(value),
    format: (value) => `0x${value.toString(16).padStart(16, "0")}`,
    of: ({ extendedCommunities }) => extendedCommunities,
    take: (draft, values) => {
      draft.extendedCommunities = values;
    },
  },
);

export const largeCommunitiesRow = listRow<LargeCommunity>(
  {
    code: AttributeCode.largeCommunities,
    name: "LARGE_COMMUNITY",
    rfc: "RFC 8092 section 3",
    category: "optionalTransitive",
    malformedRfc: "RFC 8092 section 6",
  },
  {
    size: 12,
    read: (view, at) => ({
      global: view.getUint32(at),
      local1: view.getUint32(at + 4),
      local2: view.getUint32(at + 8),
    }),
    write(writer, { global, local1, local2 }) {
      writer.u32(global);
      writer.u32(local1);
      writer.u32(local2);
    },
    format: formatLargeCommunity,
    of: ({ largeCommunities }) => largeCommunities,
    take: (draft, values) => {
      draft.largeCommunities = values;
    },
  },
);
