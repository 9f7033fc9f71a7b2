/**
 * nft's data types: how a key or a value is printed, and how it lies in a register. The numbers are nft's own (enum
 * datatypes); the kernel only carries them so that `nft list` can print what we wrote.
 */
import { addressFromOctets, addressOctets, formatAddress, tryParseAddress } from "../../ip/address.ts";
import { NftTreeError } from "./errors.ts";

interface DataTypeFacts {
  /** nft's number. */
  readonly id: number;
  /** Octets. */
  readonly length: number;
  /** Host order is little-endian here, as everywhere in netlink. */
  readonly order: "big" | "host";
  /** The octets of a text in the register's order; undefined when it is no such value. */
  parse(text: string): Uint8Array | undefined;
  /** Canonical text of octets, `length` of them. */
  format(octets: Uint8Array): string;
}

/** Numbers that nft prints by name; the others are printed as numbers. */
const protocols = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  udp: 17,
  gre: 47,
  esp: 50,
  ah: 51,
  "ipv6-icmp": 58,
  sctp: 132,
  udplite: 136,
};
const etherTypes = { ip: 0x0800, arp: 0x0806, ip6: 0x86dd, vlan: 0x8100 };

const address = (id: number, length: 4 | 16): DataTypeFacts => ({
  id,
  length,
  order: "big",
  parse(text) {
    const parsed = tryParseAddress(text);
    if (parsed === undefined) return undefined;
    const octets = addressOctets(parsed);
    return octets.length === length ? octets : undefined;
  },
  format(octets) {
    const found = addressFromOctets(octets);
    return found === undefined ? "" : formatAddress(found);
  },
});

function number(
  id: number,
  length: 1 | 2 | 4,
  order: "big" | "host",
  names: Readonly<Record<string, number>> = {},
): DataTypeFacts {
  const littleEndian = order === "host";
  const nameOf = new Map(Object.entries(names).map(([name, value]) => [value, name]));
  const limit = 2 ** (8 * length);
  return {
    id,
    length,
    order,
    parse(text) {
      const value = names[text] ?? (/^(0x[0-9a-f]{1,8}|\d{1,10})$/.test(text) ? Number(text) : undefined);
      if (value === undefined || value >= limit) return undefined;
      const octets = new Uint8Array(length);
      const view = new DataView(octets.buffer);
      if (length === 1) view.setUint8(0, value);
      else if (length === 2) view.setUint16(0, value, littleEndian);
      else view.setUint32(0, value, littleEndian);
      return octets;
    },
    format(octets) {
      const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
      const value =
        length === 1
          ? view.getUint8(0)
          : length === 2
            ? view.getUint16(0, littleEndian)
            : view.getUint32(0, littleEndian);
      return nameOf.get(value) ?? String(value);
    },
  };
}

/** A mark is printed in hexadecimal with eight digits. */
const mark: DataTypeFacts = {
  ...number(19, 4, "host"),
  format: (octets) =>
    `0x${new DataView(octets.buffer, octets.byteOffset, 4).getUint32(0, true).toString(16).padStart(8, "0")}`,
};

const IFNAMSIZ = 16;
const interfaceName: DataTypeFacts = {
  id: 41,
  length: IFNAMSIZ,
  order: "host",
  parse(text) {
    const name = new TextEncoder().encode(text);
    if (name.length === 0 || name.length >= IFNAMSIZ || /[\s/]/.test(text)) return undefined;
    const octets = new Uint8Array(IFNAMSIZ);
    octets.set(name);
    return octets;
  },
  format(octets) {
    const end = octets.indexOf(0);
    return new TextDecoder().decode(end < 0 ? octets : octets.subarray(0, end));
  },
};

const hardwareAddress: DataTypeFacts = {
  id: 9,
  length: 6,
  order: "big",
  parse: (text) =>
    /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text)
      ? Uint8Array.from(Buffer.from(text.replaceAll(":", ""), "hex"))
      : undefined,
  format: (octets) =>
    Buffer.from(octets)
      .toString("hex")
      .replaceAll(/(..)(?=.)/g, "$1:"),
};

export const dataTypes = {
  ipv4_addr: address(7, 4),
  ipv6_addr: address(8, 16),
  ether_addr: hardwareAddress,
  ether_type: number(10, 2, "big", etherTypes),
  inet_proto: number(12, 1, "big", protocols),
  inet_service: number(13, 2, "big"),
  mark,
  ifname: interfaceName,
} as const satisfies Record<string, DataTypeFacts>;
export type DataType = keyof typeof dataTypes;

/** nft's number for a concatenation: six bits for each type, the first uppermost. */
export const typeId = (types: readonly DataType[]): number =>
  types.reduce((id, type) => (id << TYPE_BITS) | dataTypes[type].id, 0);
const TYPE_BITS = 6;

const typeOfId = new Map((Object.keys(dataTypes) as DataType[]).map((type) => [dataTypes[type].id, type]));

/** undefined when a type is none of ours. */
export function typesOfId(id: number): readonly DataType[] | undefined {
  const types: DataType[] = [];
  for (let left = id; left > 0; left >>>= TYPE_BITS) {
    const type = typeOfId.get(left & ((1 << TYPE_BITS) - 1));
    if (!type) return undefined;
    types.unshift(type);
  }
  return types.length > 0 ? types : undefined;
}

/** The octets of one value as they lie in a register. Throws NftTreeError `badElement`. */
export function valueOctets(type: DataType, text: string, where: string): Uint8Array {
  const octets = dataTypes[type].parse(text);
  if (!octets) throw new NftTreeError("badElement", `${where}: '${text}' is no ${type}`, { where });
  return octets;
}
