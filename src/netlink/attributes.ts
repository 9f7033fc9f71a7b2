/**
 * Attribute sets as tables of facts: field → [code point, codec]. Types are derived from the tables, the order of
 * attributes means nothing, and what no table knows is kept octet for octet in `unknown`.
 */
import { addressFromOctets, addressOctets, type IpAddress } from "../ip/address.ts";
import type { Writer } from "../wire/writer.ts";
import {
  ATTRIBUTE_HEADER_OCTETS,
  aligned,
  beginAttribute,
  endAttribute,
  NESTED,
  NetlinkFormatError,
  TYPE_MASK,
} from "./message.ts";

/** One kind of value. `decode` gets a range that lies inside the view; it throws NetlinkFormatError when the value does not fit it. */
export interface AttributeCodec<T> {
  decode(view: DataView, at: number, length: number): T;
  encode(writer: Writer, value: T): void;
  /** Set where the value is itself a set of attributes. */
  readonly nested?: true;
}

/** Field → [code point, codec]. */
export type AttributeTable = Readonly<Record<string, readonly [type: number, codec: AttributeCodec<unknown>]>>;

/** An attribute that the table does not know, as it came. */
export interface UnknownAttribute {
  /** Without the flags NESTED and NETWORK_ORDER. */
  readonly type: number;
  /** Whether the flags said so. */
  readonly flags: number;
  /** A view of the datagram. */
  readonly octets: Uint8Array;
}

/** What a table's attributes decode to. */
export type AttributesOf<T extends AttributeTable> = {
  readonly [K in keyof T]?: (T[K][1] extends AttributeCodec<infer V> ? V : never) | undefined;
} & { readonly unknown?: readonly UnknownAttribute[] | undefined };

/** What a set decodes to. */
export type AttributesIn<S> = S extends AttributeSet<infer T> ? AttributesOf<T> : never;

/** A table made ready for reading: rows by code point. */
export class AttributeSet<T extends AttributeTable> {
  readonly #table: T;
  readonly #rows: ({ readonly name: string; readonly codec: AttributeCodec<unknown> } | undefined)[] = [];

  constructor(table: T) {
    this.#table = table;
    for (const [name, [type, codec]] of Object.entries(table)) this.#rows[type] = { name, codec };
  }

  /** Reads the attributes between `at` and `end`. The last of repeated ones counts. Throws NetlinkFormatError. */
  decode(view: DataView, at: number, end: number): AttributesOf<T> {
    const found: Record<string, unknown> = {};
    let unknown: UnknownAttribute[] | undefined;
    for (let next = at; end - next >= ATTRIBUTE_HEADER_OCTETS; ) {
      const length = view.getUint16(next, true);
      if (length < ATTRIBUTE_HEADER_OCTETS || length > end - next) {
        throw new NetlinkFormatError("badAttribute", `length ${length} with ${end - next} octets left`, next);
      }
      const flagged = view.getUint16(next + 2, true);
      const valueAt = next + ATTRIBUTE_HEADER_OCTETS;
      const row = this.#rows[flagged & TYPE_MASK];
      if (row) found[row.name] = row.codec.decode(view, valueAt, length - ATTRIBUTE_HEADER_OCTETS);
      else {
        unknown ??= [];
        unknown.push({
          type: flagged & TYPE_MASK,
          flags: flagged & ~TYPE_MASK,
          octets: viewed(view, valueAt, length - ATTRIBUTE_HEADER_OCTETS),
        });
      }
      next += aligned(length);
    }
    if (unknown) found["unknown"] = unknown;
    return found as AttributesOf<T>;
  }

  /** Writes every field that is defined, then the unknown ones as they came. */
  encode(writer: Writer, values: AttributesOf<T>): void {
    for (const name in values) {
      const value = (values as Readonly<Record<string, unknown>>)[name];
      const row = this.#table[name];
      if (row === undefined || value === undefined) continue;
      const at = beginAttribute(writer, row[1].nested ? row[0] | NESTED : row[0]);
      row[1].encode(writer, value);
      endAttribute(writer, at);
    }
    for (const { type, flags, octets } of values.unknown ?? []) {
      const at = beginAttribute(writer, type | flags);
      writer.octets(octets);
      endAttribute(writer, at);
    }
  }
}

const viewed = (view: DataView, at: number, length: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + at, length);

/** Refuses a value shorter than its type; longer ones are read from their start, as the kernel does. */
function atLeast(wanted: number, length: number, at: number): void {
  if (length < wanted) throw new NetlinkFormatError("badAttribute", `value of ${length} octets, ${wanted} wanted`, at);
}

export const u8: AttributeCodec<number> = {
  decode(view, at, length) {
    atLeast(1, length, at);
    return view.getUint8(at);
  },
  encode: (writer, value) => writer.u8(value),
};

export const u16: AttributeCodec<number> = {
  decode(view, at, length) {
    atLeast(2, length, at);
    return view.getUint16(at, true);
  },
  encode: (writer, value) => writer.u16Host(value),
};

export const u32: AttributeCodec<number> = {
  decode(view, at, length) {
    atLeast(4, length, at);
    return view.getUint32(at, true);
  },
  encode: (writer, value) => writer.u32Host(value),
};

export const i32: AttributeCodec<number> = {
  decode(view, at, length) {
    atLeast(4, length, at);
    return view.getInt32(at, true);
  },
  encode: (writer, value) => writer.i32Host(value),
};

/** Big-endian, as ports are. */
export const u16Network: AttributeCodec<number> = {
  decode(view, at, length) {
    atLeast(2, length, at);
    return view.getUint16(at);
  },
  encode: (writer, value) => writer.u16(value),
};

export const u32Network: AttributeCodec<number> = {
  decode(view, at, length) {
    atLeast(4, length, at);
    return view.getUint32(at);
  },
  encode: (writer, value) => writer.u32(value),
};

export const u64Network: AttributeCodec<bigint> = {
  decode(view, at, length) {
    atLeast(8, length, at);
    return view.getBigUint64(at);
  },
  encode: (writer, value) => writer.u64(value),
};

/** An attribute whose presence is its value. */
export const flag: AttributeCodec<true> = { decode: () => true, encode: () => undefined };

/** Any octets: a view of the datagram. */
export const octets: AttributeCodec<Uint8Array> = {
  decode: viewed,
  encode: (writer, value) => writer.octets(value),
};

/** UTF-8 up to the first zero octet; written with one behind it. */
export const text: AttributeCodec<string> = {
  decode(view, at, length) {
    let value = "";
    for (let index = at; index < at + length; index++) {
      const code = view.getUint8(index);
      if (code === 0) return value;
      if (code > 127) return decodedText(view, at, length);
      value += String.fromCharCode(code);
    }
    return value;
  },
  encode(writer, value) {
    writer.octets(new TextEncoder().encode(value));
    writer.u8(0);
  },
};

function decodedText(view: DataView, at: number, length: number): string {
  const octets = viewed(view, at, length);
  const end = octets.indexOf(0);
  return new TextDecoder().decode(end < 0 ? octets : octets.subarray(0, end));
}

/** 4 or 16 octets in network order. */
export const ipAddress: AttributeCodec<IpAddress> = {
  decode(view, at, length) {
    if (length === 4) return view.getUint32(at) as IpAddress;
    const address = addressFromOctets(viewed(view, at, length));
    if (address === undefined) throw new NetlinkFormatError("badAttribute", `address of ${length} octets`, at);
    return address;
  },
  encode(writer, value) {
    if (typeof value === "number") writer.u32(value);
    else writer.octets(addressOctets(value));
  },
};

/** A link-layer address in text, `66:aa:99:2f:dc:24`; any length, empty for none. */
export const hardwareAddress: AttributeCodec<string> = {
  decode(view, at, length) {
    let value = "";
    for (let index = at; index < at + length; index++) {
      value += `${index === at ? "" : ":"}${view.getUint8(index).toString(16).padStart(2, "0")}`;
    }
    return value;
  },
  encode(writer, value) {
    if (value === "") return;
    for (const part of value.split(":")) writer.u8(Number.parseInt(part, 16));
  },
};

/** A set of attributes inside an attribute. */
export function nested<T extends AttributeTable>(set: AttributeSet<T>): AttributeCodec<AttributesOf<T>> {
  return {
    decode: (view, at, length) => set.decode(view, at, at + length),
    encode: (writer, value) => set.encode(writer, value),
    nested: true,
  };
}

/** Values of one codec one after the other, each in an attribute whose type means nothing (`elementType` when written). */
export function listOf<T>(codec: AttributeCodec<T>, elementType: number): AttributeCodec<readonly T[]> {
  return {
    decode(view, at, length) {
      const found: T[] = [];
      for (let next = at; at + length - next >= ATTRIBUTE_HEADER_OCTETS; ) {
        const size = view.getUint16(next, true);
        if (size < ATTRIBUTE_HEADER_OCTETS || size > at + length - next) {
          throw new NetlinkFormatError("badAttribute", `length ${size} with ${at + length - next} octets left`, next);
        }
        found.push(codec.decode(view, next + ATTRIBUTE_HEADER_OCTETS, size - ATTRIBUTE_HEADER_OCTETS));
        next += aligned(size);
      }
      return found;
    },
    encode(writer, values) {
      for (const value of values) {
        const at = beginAttribute(writer, codec.nested ? elementType | NESTED : elementType);
        codec.encode(writer, value);
        endAttribute(writer, at);
      }
    },
    nested: true,
  };
}
