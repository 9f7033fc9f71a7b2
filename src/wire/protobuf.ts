/**
 * Protocol buffers by tables: a message is a table of `name: [number, type]`, and its value type is derived from it.
 *
 *   const keyValue = message({ key: [1, octetText], version: [4, int64] });
 *   type KeyValue = ValueOf<typeof keyValue>;
 *
 * proto3: zeros are not written, unknown fields are skipped, repeated numbers are written packed and read either way.
 * A member of a `oneof` is `optional(type)`. Decoding throws ProtobufError and nothing else.
 * https://protobuf.dev/programming-guides/encoding/
 */
import { CodedError } from "../base/errors.ts";
import { OctetSink, OctetSource } from "./protobuf-octets.ts";
import { ShortReadError } from "./reader.ts";

export class ProtobufError extends CodedError<"malformed", { offset: number }> {}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const GROUP = 3;
const GROUP_END = 4;
const FIXED32 = 5;

/** Messages in messages: what is deeper is malformed. etcd's own deepest is a handful. */
const MAX_DEPTH = 64;

export interface FieldType<T> {
  readonly wireType: typeof VARINT | typeof LENGTH;
  /** What an absent field reads as. */
  readonly absent: T;
  isAbsent(value: T): boolean;
  /** Writes the value, without a tag. */
  write(sink: OctetSink, value: T): void;
  /** Reads one occurrence; `before` is what the field held until now. */
  read(source: OctetSource, before: T, depth: number): T;
  /** For `repeated`: writes its own tags. */
  writeAll?(sink: OctetSink, number: number, value: T): void;
  /** For `repeated` numbers: reads the packed form. */
  readPacked?(source: OctetSource, before: T): T;
}

interface Field {
  readonly name: string;
  readonly tag: number;
  readonly number: number;
  readonly type: FieldType<unknown>;
}

export interface Message<V extends object> {
  /** In the order of their numbers, which is the order on the wire. */
  readonly fields: readonly Field[];
  readonly byNumber: readonly (Field | undefined)[];
  readonly absent: V;
}

export type ValueOf<M> = M extends Message<infer V> ? V : never;
// biome-ignore lint/suspicious/noExplicitAny: a table holds field types of every value, and FieldType is invariant
type Table = Readonly<Record<string, readonly [number, FieldType<any>]>>;
type TableValue<T extends Table> = { readonly [K in keyof T]: T[K][1] extends FieldType<infer V> ? V : never };

/** A message type from its table. */
export function message<T extends Table>(table: T): Message<TableValue<T>> {
  const fields = Object.entries(table)
    .map(([name, [number, type]]): Field => ({ name, number, type, tag: (number << 3) | type.wireType }))
    .sort((a, b) => a.number - b.number);
  const byNumber: (Field | undefined)[] = [];
  for (const field of fields) byNumber[field.number] = field;
  const absent = Object.fromEntries(Object.entries(table).map(([name, [, type]]) => [name, type.absent]));
  return { fields, byNumber, absent: absent as TableValue<T> };
}

/** The octets of a message; what is left out is absent. */
export function encode<V extends object>(type: Message<V>, value: Partial<V>): Uint8Array {
  const sink = new OctetSink();
  encodeInto(sink, type, value);
  return sink.finish();
}

/** As `encode`, behind what the sink holds. */
export function encodeInto<V extends object>(sink: OctetSink, type: Message<V>, value: Partial<V>): void {
  const values = value as Readonly<Record<string, unknown>>;
  for (const { name, tag, number, type: fieldType } of type.fields) {
    const item = values[name];
    if (item === undefined || fieldType.isAbsent(item)) continue;
    if (fieldType.writeAll) {
      fieldType.writeAll(sink, number, item);
    } else {
      sink.varint(tag);
      fieldType.write(sink, item);
    }
  }
}

/** Reads a whole message. Octets in the value are views of the input. Throws ProtobufError. */
export function decode<V extends object>(type: Message<V>, octets: Uint8Array): V {
  const source = new OctetSource(octets);
  try {
    return decodeFrom(source, type, undefined, 0);
  } catch (failure) {
    if (failure instanceof ShortReadError) throw malformed(failure.message, source);
    throw failure;
  }
}

function decodeFrom<V extends object>(source: OctetSource, type: Message<V>, before: V | undefined, depth: number): V {
  if (depth > MAX_DEPTH) throw malformed("messages nested too deep", source);
  const value = { ...(before ?? type.absent) } as Record<string, unknown>;
  while (source.left > 0) {
    const tag = source.varint();
    const wireType = tag & 7;
    const field = type.byNumber[tag >>> 3];
    if (field?.type.wireType === wireType) {
      value[field.name] = field.type.read(source, value[field.name], depth);
    } else if (field?.type.readPacked && wireType === LENGTH) {
      value[field.name] = source.within(() => field.type.readPacked?.(source, value[field.name]));
    } else {
      skip(source, tag, depth);
    }
  }
  return value as V;
}

function skip(source: OctetSource, tag: number, depth: number): void {
  if (tag >>> 3 === 0) throw malformed("field number 0", source);
  switch (tag & 7) {
    case VARINT:
      source.varint();
      return;
    case FIXED64:
      source.skip(8);
      return;
    case LENGTH:
      source.skip(source.varint());
      return;
    case GROUP:
      skipGroup(source, tag >>> 3, depth + 1);
      return;
    case FIXED32:
      source.skip(4);
      return;
    default:
      throw malformed(`unknown wire type ${tag & 7}`, source);
  }
}

function skipGroup(source: OctetSource, number: number, depth: number): void {
  if (depth > MAX_DEPTH) throw malformed("groups nested too deep", source);
  for (;;) {
    const tag = source.varint();
    if ((tag & 7) !== GROUP_END) skip(source, tag, depth);
    else if (tag >>> 3 === number) return;
    else throw malformed(`group ${number} ends as ${tag >>> 3}`, source);
  }
}

const malformed = (what: string, source: OctetSource): ProtobufError =>
  new ProtobufError("malformed", `not a protobuf message: ${what} at octet ${source.at}`, { offset: source.at });

/** int64, uint64, int32, enums, as a number: exact up to 2^53, rounded beyond. */
export const int64: FieldType<number> = {
  wireType: VARINT,
  absent: 0,
  isAbsent: (value) => value === 0,
  write: (sink, value) => sink.int(value),
  read: (source) => source.int(),
};

/** int64 in full: ids that are not counted but drawn. */
export const signedId: FieldType<bigint> = {
  wireType: VARINT,
  absent: 0n,
  isAbsent: (value) => value === 0n,
  write: (sink, value) => sink.wide(value),
  read: (source) => BigInt.asIntN(64, source.wide()),
};

/** uint64 in full. */
export const unsignedId: FieldType<bigint> = { ...signedId, read: (source) => source.wide() };

export const bool: FieldType<boolean> = {
  wireType: VARINT,
  absent: false,
  isAbsent: (value) => !value,
  write: (sink, value) => sink.varint(value ? 1 : 0),
  read: (source) => source.int() !== 0,
};

const NOTHING = Buffer.alloc(0);

export const bytes: FieldType<Uint8Array> = {
  wireType: LENGTH,
  absent: NOTHING,
  isAbsent: (value) => value.length === 0,
  write: (sink, value) => sink.octets(value),
  read: (source) => source.octets(source.varint()),
};

/** `bytes` as a string with one character (0…255) for each octet: a primitive for maps that sorts as the octets do. */
export const octetText: FieldType<string> = {
  wireType: LENGTH,
  absent: "",
  isAbsent: (value) => value === "",
  write: (sink, value) => sink.text(value, "latin1"),
  read: (source) => source.text(source.varint(), "latin1"),
};

export const string: FieldType<string> = {
  ...octetText,
  write: (sink, value) => sink.text(value, "utf8"),
  read: (source) => source.text(source.varint(), "utf8"),
};

/** A message within a message; the thunk lets types contain themselves. */
export function nested<V extends object>(type: () => Message<V>): FieldType<V | undefined> {
  return {
    wireType: LENGTH,
    absent: undefined,
    isAbsent: (value) => value === undefined,
    write: (sink, value) => sink.sized(() => encodeInto(sink, type(), value ?? {})),
    read: (source, before, depth) => source.within(() => decodeFrom(source, type(), before, depth + 1)),
  };
}

/** A member of a oneof, or proto3's `optional`: zero is written, absence is undefined. */
export function optional<T>(type: FieldType<T>): FieldType<T | undefined> {
  return {
    wireType: type.wireType,
    absent: undefined,
    isAbsent: (value) => value === undefined,
    write: (sink, value) => type.write(sink, value ?? type.absent),
    read: (source, before, depth) => type.read(source, before ?? type.absent, depth),
  };
}

/** Any number of values, in order. */
export function repeated<T>(type: FieldType<T>): FieldType<readonly NonNullable<T>[]> {
  type Items = NonNullable<T>[];
  /** The first occurrence makes the array: until then the field holds the shared empty one. */
  const grow = (before: readonly NonNullable<T>[], item: T): Items => {
    const items = before.length === 0 ? [] : (before as Items);
    items.push(item as NonNullable<T>);
    return items;
  };
  const isNumber = type.wireType === VARINT;
  return {
    wireType: type.wireType,
    absent: [],
    isAbsent: (items) => items.length === 0,
    write: () => {},
    read: (source, before, depth) => grow(before, type.read(source, type.absent, depth)),
    writeAll: (sink, number, items) => {
      if (isNumber) {
        sink.varint((number << 3) | LENGTH);
        sink.sized(() => {
          for (const item of items) type.write(sink, item);
        });
        return;
      }
      for (const item of items) {
        sink.varint((number << 3) | LENGTH);
        type.write(sink, item);
      }
    },
    ...(isNumber && {
      readPacked: (source: OctetSource, before: readonly NonNullable<T>[]) => {
        let items = before;
        while (source.left > 0) items = grow(items, type.read(source, type.absent, 0));
        return items;
      },
    }),
  };
}
