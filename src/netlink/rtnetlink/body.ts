/**
 * What follows the header of an rtnetlink message: one structure of whole numbers, then attributes. Both are tables;
 * linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h, fib_rules.h, nexthop.h name the same fields with prefixes.
 */
import type { Writer } from "../../wire/writer.ts";
import type { AttributeSet, AttributesOf, AttributeTable } from "../attributes.ts";
import { NetlinkFormatError } from "../message.ts";

type FieldKind = "u8" | "u16" | "u32" | "i32";
export type StructureTable = Readonly<Record<string, FieldKind>>;
export type StructureOf<S extends StructureTable> = { readonly [K in keyof S]: number };

const sizes: Record<FieldKind, number> = { u8: 1, u16: 2, u32: 4, i32: 4 };

export interface Body<S extends StructureTable, A extends AttributeTable> {
  readonly header: StructureOf<S>;
  readonly attributes: AttributesOf<A>;
}

/** What a codec decodes to. */
export type BodyIn<C> = C extends BodyCodec<infer S, infer A> ? Body<S, A> : never;

/** Reads and writes one kind of body. */
export class BodyCodec<S extends StructureTable, A extends AttributeTable> {
  /** Octets of the structure. */
  readonly octets: number;
  readonly attributes: AttributeSet<A>;
  readonly #fields: readonly (readonly [name: string, kind: FieldKind])[];

  constructor(structure: S, attributes: AttributeSet<A>) {
    this.#fields = Object.entries(structure);
    this.octets = this.#fields.reduce((sum, [, kind]) => sum + sizes[kind], 0);
    this.attributes = attributes;
  }

  /** Throws NetlinkFormatError. */
  decode(payload: Uint8Array): Body<S, A> {
    return this.decodeAt(new DataView(payload.buffer, payload.byteOffset, payload.byteLength), 0, payload.byteLength);
  }

  /** The same inside a view, between two offsets. */
  decodeAt(view: DataView, at: number, end: number): Body<S, A> {
    if (end - at < this.octets) {
      throw new NetlinkFormatError("cutMessage", `structure of ${end - at} octets, ${this.octets} wanted`, at);
    }
    return { header: this.#structure(view, at), attributes: this.attributes.decode(view, at + this.octets, end) };
  }

  /** Fields that are left out are 0. */
  encode(writer: Writer, header: Partial<StructureOf<S>>, attributes: AttributesOf<A>): void {
    for (const [name, kind] of this.#fields) {
      const value = header[name] ?? 0;
      if (kind === "u8") writer.u8(value);
      else if (kind === "u16") writer.u16Host(value);
      else if (kind === "u32") writer.u32Host(value);
      else writer.i32Host(value);
    }
    this.attributes.encode(writer, attributes);
  }

  #structure(view: DataView, start: number): StructureOf<S> {
    const header: Record<string, number> = {};
    let at = start;
    for (const [name, kind] of this.#fields) {
      if (kind === "u8") header[name] = view.getUint8(at);
      else if (kind === "u16") header[name] = view.getUint16(at, true);
      else if (kind === "u32") header[name] = view.getUint32(at, true);
      else header[name] = view.getInt32(at, true);
      at += sizes[kind];
    }
    return header as StructureOf<S>;
  }
}
