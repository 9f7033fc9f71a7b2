/**
 * nft's data types: how a key or a value is printed, and how it lies in a register. The numbers are nft's own (enum
 * datatypes); the kernel only carries them so that `nft list` can print what we wrote.
 */
import { addressFromOctets, addressOctets, formatAddress, ipv4Of, tryParseAddress } from "../../ip/address.ts";
import { NftTreeError } from "./errors.ts";

/**
 * Octets of a register as text, one character (0 … 255) each: sets have hundreds of thousands of them, and text is the
 * smallest and quickest value to make, to compare and to sort that JavaScript has.
 */
export type OctetText = string;

export const octetText = (octets: Uint8Array): OctetText =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("latin1");
export const octetsOf = (text: OctetText): Uint8Array => Buffer.from(text, "latin1");

interface DataTypeFacts {
  /** nft's number. */
  readonly id: number;
  /** Octets. */
  readonly length: number;
  /** Host order is little-endian here, as everywhere in netlink. */
  readonly order: "big" | "host";
  /** The octets of a text in the register's order; undefined when it is no such value. */
  parse(text: string): OctetText | undefined;
  /** Canonical text of octets, `length` of them. */
  format(octets: OctetText): string;
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

export const ipv4Octets = (value: number): OctetText =>
  String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);

const ipv4: DataTypeFacts = {
  id: 7,
  length: 4,
  order: "big",
  parse(text) {
    const address = tryParseAddress(text);
    return typeof address === "number" ? ipv4Octets(address) : undefined;
  },
  format: (octets) => formatAddress(ipv4Of(numberFrom(octets))),
};

/** Of at most four big-endian octets. */
export function numberFrom(octets: OctetText): number {
  let value = 0;
  for (let at = 0; at < octets.length; at++) value = value * 256 + octets.charCodeAt(at);
  return value;
}

const ipv6: DataTypeFacts = {
  id: 8,
  length: 16,
  order: "big",
  parse(text) {
    const address = tryParseAddress(text);
    return typeof address === "bigint" ? octetText(addressOctets(address)) : undefined;
  },
  format(octets) {
    const address = addressFromOctets(octetsOf(octets));
    return address === undefined ? "" : formatAddress(address);
  },
};

function number(
  id: number,
  length: 1 | 2 | 4,
  order: "big" | "host",
  names: Readonly<Record<string, number>> = {},
): DataTypeFacts {
  const nameOf = new Map(Object.entries(names).map(([name, value]) => [value, name]));
  const limit = 2 ** (8 * length);
  return {
    id,
    length,
    order,
    parse(text) {
      const value = names[text] ?? (/^(0x[0-9a-f]{1,8}|\d{1,10})$/.test(text) ? Number(text) : undefined);
      if (value === undefined || value >= limit) return undefined;
      const big = ipv4Octets(value).slice(4 - length);
      return order === "big" ? big : reversed(big);
    },
    format(octets) {
      const value = numberFrom(order === "big" ? octets : reversed(octets));
      return nameOf.get(value) ?? String(value);
    },
  };
}

const reversed = (octets: OctetText): OctetText => [...octets].reverse().join("");

/** A mark is printed in hexadecimal with eight digits. */
const mark: DataTypeFacts = {
  ...number(19, 4, "host"),
  format: (octets) => `0x${numberFrom(reversed(octets)).toString(16).padStart(8, "0")}`,
};

const IFNAMSIZ = 16;
const interfaceName: DataTypeFacts = {
  id: 41,
  length: IFNAMSIZ,
  order: "host",
  parse(text) {
    const name = new TextEncoder().encode(text);
    if (name.length === 0 || name.length >= IFNAMSIZ || /[\s/]/.test(text)) return undefined;
    return octetText(name).padEnd(IFNAMSIZ, "\0");
  },
  format(octets) {
    const end = octets.indexOf("\0");
    return new TextDecoder().decode(octetsOf(end < 0 ? octets : octets.slice(0, end)));
  },
};

const hardwareAddress: DataTypeFacts = {
  id: 9,
  length: 6,
  order: "big",
  parse: (text) =>
    /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text)
      ? Buffer.from(text.replaceAll(":", ""), "hex").toString("latin1")
      : undefined,
  format: (octets) =>
    Buffer.from(octets, "latin1")
      .toString("hex")
      .replaceAll(/(..)(?=.)/g, "$1:"),
};

export const dataTypes = {
  ipv4_addr: ipv4,
  ipv6_addr: ipv6,
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
export function valueOctets(type: DataType, text: string, where: string): OctetText {
  const octets = dataTypes[type].parse(text);
  if (octets === undefined) throw new NftTreeError("badElement", `${where}: '${text}' is no ${type}`, { where });
  return octets;
}
