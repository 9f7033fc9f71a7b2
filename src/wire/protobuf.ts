/**
 * Protocol Buffers by field tables (https://protobuf.dev/programming-guides/encoding/): a message is a table of
 * `name: [field number, type]`, from which its TypeScript types, encoder and decoder follow. Proto3 rules: a scalar at
 * its default is not written, an absent field reads as its default, unknown fields are skipped, enumerations are open.
 * Of a field that occurs twice the last wins.
 *
 * Decoding any octets gives a value or throws ProtobufError; nested messages count levels against `MAX_DEPTH`.
 */
import { isUtf8 } from "node:buffer";
import { CodedError } from "../base/errors.ts";

/** As the C++ and Java implementations: deeper nesting is an attack on the stack. */
const MAX_DEPTH = 100;

const VARINT = 0;
const FIXED64 = 1;
const SIZED = 2;
const FIXED32 = 5;

export class ProtobufError extends CodedError<"malformed", { offset: number }> {}

/** One kind of field. `Input` is what may be given to write it, where that is looser than what is read. */
export interface FieldType<T, Input = T> {
  /** What an absent field reads as. */
  readonly absent: T;
  /** Writes tag and value, or nothing for a default. */
  write(sink: Sink, field: number, value: Input): void;
  /** `before` is what the field held until now: repeated fields grow. */
  read(source: Source, wireType: number, before: T): T;
}

type Fields = Readonly<Record<string, readonly [field: number, type: FieldType<never, never>]>>;
type ValueOf<F> = F extends FieldType<infer T, never> ? T : never;
type InputOf<F> = F extends FieldType<never, infer Input> ? Input : never;
type Values<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K][1]> };
type Inputs<F extends Fields> = { readonly [K in keyof F]?: InputOf<F[K][1]> | undefined };

export interface Message<T, Input> {
  /** The octets of a message, behind `headroom` octets that are left for the caller to fill. */
  encode(value: Input, headroom?: number): Buffer;
  /** Throws ProtobufError. Octet texts and strings are copies: the octets may be reused. */
  decode(octets: Uint8Array): T;
  /** For types that hold messages. */
  writeInto(sink: Sink, value: Input): void;
  readFrom(source: Source): T;
}

/** The type that a message decodes to. */
export type MessageOf<M> = M extends Message<infer T, never> ? T : never;

/** Octets that grow while a message is written. */
export class Sink {
  octets: Buffer;
  at: number;

  constructor(headroom: number) {
    this.octets = Buffer.allocUnsafe(256 + headroom);
    this.at = headroom;
  }

  room(wanted: number): void {
    if (this.at + wanted <= this.octets.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.at + wanted, this.octets.length * 2));
    this.octets.copy(grown, 0, 0, this.at);
    this.octets = grown;
  }

  tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  /** A whole number from 0 to 2^53. */
  varint(value: number): void {
    this.room(10);
    let rest = value;
    while (rest >= 0x80) {
      this.octets[this.at++] = (rest & 0x7f) | 0x80;
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.octets[this.at++] = rest;
  }

  varint64(value: bigint): void {
    this.room(10);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.octets[this.at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.octets[this.at++] = Number(rest);
  }

  /** Text of a known length in octets, behind that length. */
  text(value: string, length: number, encoding: "latin1" | "utf8"): void {
    this.varint(length);
    this.room(length);
    this.octets.write(value, this.at, length, encoding);
    this.at += length;
  }

  /** What `body` writes, behind its length: most bodies are short, so one octet is left for it and longer ones move. */
  sized(body: () => void): void {
    this.room(1);
    const start = ++this.at;
    body();
    const length = this.at - start;
    if (length < 0x80) {
      this.octets[start - 1] = length;
      return;
    }
    const more = varintLength(length) - 1;
    this.room(more);
    this.octets.copyWithin(start + more, start, this.at);
    this.at = start - 1;
    this.varint(length);
    this.at += length;
  }
}

const varintLength = (value: number): number => (value < 0x80 ? 1 : 1 + varintLength(Math.floor(value / 0x80)));

/** A bounded view of octets that is read field by field. */
export class Source {
  readonly octets: Buffer;
  at: number;
  end: number;
  depth = 0;

  constructor(octets: Uint8Array) {
    this.octets = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
    this.at = 0;
    this.end = octets.byteLength;
  }

  fail(what: string): ProtobufError {
    return new ProtobufError("malformed", `protobuf: ${what} at octet ${this.at}`, { offset: this.at });
  }

  /** A varint below 2^32; higher bits are dropped, as for tags, lengths, bools and enumerations. */
  varint32(): number {
    const first = this.octets[this.at] ?? 0x80;
    if (first < 0x80 && this.at < this.end) {
      this.at++;
      return first;
    }
    return Number(BigInt.asUintN(32, this.varint64()));
  }

  varint64(): bigint {
    let low = 0;
    let high = 0n;
    let shift = 0;
    for (;;) {
      if (this.at >= this.end) throw this.fail("a number is cut");
      if (shift >= 70) throw this.fail("a number is too long");
      const octet = this.octets[this.at++] ?? 0;
      if (shift < 28) low += (octet & 0x7f) * 2 ** shift;
      else high |= BigInt(octet & 0x7f) << BigInt(shift);
      if (octet < 0x80) return BigInt.asUintN(64, high | BigInt(low));
      shift += 7;
    }
  }

  /** An int64 as a number; what a double cannot hold exactly becomes the nearest safe integer. */
  integer(): number {
    let value = 0;
    let factor = 1;
    const start = this.at;
    while (factor <= 2 ** 42) {
      if (this.at >= this.end) throw this.fail("a number is cut");
      const octet = this.octets[this.at++] ?? 0;
      value += (octet & 0x7f) * factor;
      if (octet < 0x80) return value;
      factor *= 0x80;
    }
    this.at = start;
    const exact = Number(BigInt.asIntN(64, this.varint64()));
    return Math.max(Math.min(exact, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
  }

  /** The length of what follows, which lies within the bounds. */
  length(): number {
    const length = this.varint32();
    if (length > this.end - this.at) throw this.fail(`${length} octets are announced, ${this.end - this.at} are left`);
    return length;
  }

  text(encoding: "latin1" | "utf8"): string {
    const length = this.length();
    const start = this.at;
    this.at += length;
    if (encoding === "latin1") return this.octets.latin1Slice(start, this.at);
    if (!isUtf8(this.octets.subarray(start, this.at))) throw this.fail("a string is not UTF-8");
    return this.octets.utf8Slice(start, this.at);
  }

  /** Runs `body` with the bounds of the message that follows. */
  nested<T>(body: (source: Source) => T): T {
    const length = this.length();
    const outer = this.end;
    if (++this.depth > MAX_DEPTH) throw this.fail("messages are nested too deeply");
    this.end = this.at + length;
    const value = body(this);
    this.end = outer;
    this.depth--;
    return value;
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.varint64();
    else if (wireType === SIZED) this.at += this.length();
    else if (wireType === FIXED64 || wireType === FIXED32) {
      this.at += wireType === FIXED64 ? 8 : 4;
      if (this.at > this.end) throw this.fail("a number is cut");
    } else throw this.fail(`wire type ${wireType} is unknown`);
  }
}

/** A message by its table. */
export function message<F extends Fields>(fields: F): Message<Values<F>, Inputs<F>> {
  type Row = { readonly name: string; readonly field: number; readonly type: FieldType<unknown, unknown> };
  const rows = Object.entries(fields).map(([name, [field, type]]): Row => ({ name, field, type: type as never }));
  const byField: (Row | undefined)[] = [];
  for (const row of rows) byField[row.field] = row;
  const empty: Record<string, unknown> = Object.fromEntries(rows.map(({ name, type }) => [name, type.absent]));

  const writeInto = (sink: Sink, value: Inputs<F>): void => {
    for (const { name, field, type } of rows) {
      const given = (value as Record<string, unknown>)[name];
      if (given !== undefined) type.write(sink, field, given);
    }
  };
  const readFrom = (source: Source): Values<F> => {
    const value = { ...empty };
    while (source.at < source.end) {
      const tag = source.varint32();
      const row = byField[tag >>> 3];
      if (tag >>> 3 === 0) throw source.fail("field 0");
      if (row) value[row.name] = row.type.read(source, tag & 7, value[row.name]);
      else source.skip(tag & 7);
    }
    return value as Values<F>;
  };
  return {
    writeInto,
    readFrom,
    encode: (value, headroom = 0) => {
      const sink = new Sink(headroom);
      writeInto(sink, value);
      return sink.octets.subarray(0, sink.at);
    },
    decode: (octets) => readFrom(new Source(octets)),
  };
}

function expect(source: Source, wireType: number, wanted: number): void {
  if (wireType !== wanted) throw source.fail(`wire type ${wireType} where ${wanted} belongs`);
}

/** int64, as a number: revisions, versions, counts. Beyond 2^53 it reads as the nearest safe integer. */
export const integer: FieldType<number> = {
  absent: 0,
  write: (sink, field, value) => {
    if (value === 0) return;
    sink.tag(field, VARINT);
    if (value > 0) sink.varint(value);
    else sink.varint64(BigInt(value));
  },
  read: (source, wireType) => {
    expect(source, wireType, VARINT);
    return source.integer();
  },
};

const wide = (narrow: (value: bigint) => bigint): FieldType<bigint> => ({
  absent: 0n,
  write: (sink, field, value) => {
    if (value === 0n) return;
    sink.tag(field, VARINT);
    sink.varint64(value);
  },
  read: (source, wireType) => {
    expect(source, wireType, VARINT);
    return narrow(source.varint64());
  },
});

/** int64 and uint64, exactly: ids. */
export const int64 = wide((value) => BigInt.asIntN(64, value));
export const uint64 = wide((value) => value);

export const bool: FieldType<boolean> = {
  absent: false,
  write: (sink, field, value) => {
    if (!value) return;
    sink.tag(field, VARINT);
    sink.varint(1);
  },
  read: (source, wireType) => {
    expect(source, wireType, VARINT);
    return source.varint64() !== 0n;
  },
};

/** An enumeration as words, in the order of their numbers from 0; a number that has no word reads as `unknown`, which cannot be written. */
export function enumeration<const W extends readonly [string, ...string[]]>(
  ...words: W
): FieldType<W[number] | "unknown", W[number]> {
  return {
    absent: words[0],
    write: (sink, field, value) => {
      const number = words.indexOf(value);
      if (number <= 0) return;
      sink.tag(field, VARINT);
      sink.varint(number);
    },
    read: (source, wireType) => {
      expect(source, wireType, VARINT);
      return words[source.varint32()] ?? "unknown";
    },
  };
}

const textual = (encoding: "latin1" | "utf8"): FieldType<string> => ({
  absent: "",
  write: (sink, field, value) => {
    if (value === "") return;
    sink.tag(field, SIZED);
    sink.text(value, encoding === "latin1" ? value.length : Buffer.byteLength(value), encoding);
  },
  read: (source, wireType) => {
    expect(source, wireType, SIZED);
    return source.text(encoding);
  },
});

/** bytes, as octet text: a string with one character (U+0000 to U+00FF) for each octet, which compares as the octets do. */
export const octets = textual("latin1");

/** string: UTF-8, and refused where it is not. */
export const text = textual("utf8");

/** A message in a message; absent it is undefined. Takes a function, so that messages can hold themselves. */
export function nested<T, Input>(of: () => Message<T, Input>): FieldType<T | undefined, Input> {
  return {
    absent: undefined,
    write: (sink, field, value) => {
      sink.tag(field, SIZED);
      sink.sized(() => of().writeInto(sink, value));
    },
    read: (source, wireType) => {
      expect(source, wireType, SIZED);
      return source.nested(of().readFrom);
    },
  };
}

/** Several messages. */
export function repeated<T, Input>(of: () => Message<T, Input>): FieldType<readonly T[], readonly Input[]> {
  const one = nested(of);
  return {
    absent: [],
    write: (sink, field, values) => {
      for (const value of values) one.write(sink, field, value);
    },
    read: (source, wireType, before) => grow(before, one.read(source, wireType, undefined) as T),
  };
}

/** Several texts (`octets` or `text`). */
export function repeatedText(one: FieldType<string>): FieldType<readonly string[]> {
  return {
    absent: [],
    write: (sink, field, values) => {
      for (const value of values) {
        if (value !== "") one.write(sink, field, value);
        else {
          sink.tag(field, SIZED);
          sink.varint(0);
        }
      }
    },
    read: (source, wireType, before) => grow(before, one.read(source, wireType, "")),
  };
}

/** Several scalars: written packed, read packed or one by one. */
export function packed<T>(one: FieldType<T>): FieldType<readonly T[]> {
  return {
    absent: [],
    write: (sink, field, values) => {
      if (values.length === 0) return;
      sink.tag(field, SIZED);
      // TODO
    },
    read: (source, wireType, before) => before,
  };
}

/** `before` with one more: the array of the message itself once it has one, since `absent` is shared by all. */
function grow<T>(before: readonly T[], value: T): readonly T[] {
  if (before.length === 0) return [value];
  (before as T[]).push(value);
  return before;
}
