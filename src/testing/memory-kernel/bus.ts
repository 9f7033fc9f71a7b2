/** How the tables of the memory kernel tell of changes, and of each other's. */
import type { AttributesOf, AttributeTable } from "../../netlink/attributes.ts";
import { beginMessage, endMessage, type Message } from "../../netlink/message.ts";
import type { BodyCodec, StructureOf, StructureTable } from "../../netlink/rtnetlink/body.ts";
import { Writer } from "../../wire/writer.ts";

/** A whole message: an object as dumps and notifications show it. */
export interface Shown {
  readonly type: number;
  readonly flags: number;
  readonly encode: (writer: Writer) => void;
}

/** A request as a table sees it. */
export type Asked = Pick<Message, "type" | "flags" | "payload" | "port">;

export interface Bus {
  /** Tells the group. `port`: who asked for the change, 0 for the kernel itself. */
  notify(group: number, shown: Shown, port: number): void;
}

/** An object of one codec. */
export function shown<S extends StructureTable, A extends AttributeTable>(
  type: number,
  codec: BodyCodec<S, A>,
  body: { readonly header: Partial<StructureOf<S>>; readonly attributes: AttributesOf<A> },
  flags = 0,
): Shown {
  return { type, flags, encode: (writer) => codec.encode(writer, body.header, body.attributes) };
}

/** The octets of a message. */
export function octetsOf(
  { type, flags, encode }: Shown,
  stamp: { readonly flags?: number; readonly sequence: number; readonly port: number },
): Uint8Array {
  const writer = new Writer();
  const at = beginMessage(writer, type, flags | (stamp.flags ?? 0));
  encode(writer);
  endMessage(writer, at);
  writer.patchU32Host(at + 8, stamp.sequence);
  writer.patchU32Host(at + 12, stamp.port);
  return writer.finish();
}
