/**
 * A transaction in octets: everything between BATCH_BEGIN and BATCH_END takes effect at once or not at all. BEGIN
 * carries the generation of the ruleset that the changes were computed from; the kernel refuses with ERESTART when it
 * has moved on. Only the last message asks for an acknowledgement: errors come unasked, and for every message at fault.
 */
import { Writer } from "../../wire/writer.ts";
import { beginAttribute, beginMessage, endAttribute, endMessage, Flag, NESTED, stampMessage } from "../message.ts";
import { BatchType, MessageType, SUBSYSTEM, type TableFamily } from "./codes.ts";
import { type ElementShape, type Entry, writeEntry } from "./element-codec.ts";
import { NFTA_SET_ELEM_LIST_ELEMENTS, writeElementListHead, writeFamily } from "./object-encoder.ts";

/** NFNL_BATCH_GENID. */
const NFNL_BATCH_GENID = 1;
/** Where a message header has its flags. */
const FLAGS_AT = 6;
/** An attribute's length has 16 bits; one entry takes at most some 300 octets. */
const LIST_OCTETS = 0xffff - 1024;

export interface BatchOptions {
  /** The batch's messages are numbered from here on. */
  readonly firstSequence: number;
  /** Of the ruleset that the kernel must still hold; 0: whatever it holds. */
  readonly generation: number;
}

export class Batch {
  readonly #writer = new Writer(4096);
  readonly #firstSequence: number;
  readonly #generationAt: number;
  /** What each message is about, by sequence number less the first. */
  readonly #subjects: string[] = [];
  /** Where the last message starts, and its flags. */
  #last = { at: 0, flags: 0 };

  constructor({ firstSequence, generation }: BatchOptions) {
    this.#firstSequence = firstSequence;
    let generationAt = 0;
    this.#message(BatchType.begin, 0, "transaction", () => {
      writeFamily(this.#writer, undefined, SUBSYSTEM);
      const attribute = beginAttribute(this.#writer, NFNL_BATCH_GENID);
      generationAt = this.#writer.length;
      this.#writer.u32(generation);
      endAttribute(this.#writer, attribute);
    });
    this.#generationAt = generationAt;
  }

  /** Octets so far. */
  get octets(): number {
    return this.#writer.length;
  }

  /** Messages so far, begin and end included. */
  get messages(): number {
    return this.#subjects.length;
  }

  #message(type: number, flags: number, subject: string, body: () => void): void {
    const at = beginMessage(this.#writer, type, Flag.request | flags);
    body();
    endMessage(this.#writer, at);
    this.#last = { at, flags: Flag.request | flags };
    stampMessage(this.#writer, at, this.#firstSequence + this.#subjects.length);
    this.#subjects.push(subject);
  }

  /** Adds one message; `subject` is what an error of the kernel will name. */
  add(message: {
    readonly type: number;
    readonly family: TableFamily;
    readonly flags?: number;
    readonly subject: string;
    readonly body: (writer: Writer) => void;
  }): void {
    const { type, family, flags = 0, subject, body } = message;
    this.#message(type, flags, subject, () => {
      writeFamily(this.#writer, family);
      body(this.#writer);
    });
  }

  /** Adds or removes elements, in as many messages as it takes. Throws NftTreeError `badElement`. */
  elements(what: {
    readonly type: typeof MessageType.newElements | typeof MessageType.deleteElements;
    readonly family: TableFamily;
    readonly table: string;
    readonly shape: ElementShape;
    readonly entries: readonly Entry[];
  }): void {
    const { type, family, table, shape, entries } = what;
    const flags = type === MessageType.newElements ? Flag.create : 0;
    for (let next = 0; next < entries.length; ) {
      this.add({
        type,
        family,
        flags,
        subject: `elements of set ${shape.name}`,
        body: (writer) => {
          writeElementListHead(writer, table, shape.name);
          const list = beginAttribute(writer, NFTA_SET_ELEM_LIST_ELEMENTS | NESTED);
          for (; next < entries.length && writer.length - list < LIST_OCTETS; next++) {
            writeEntry(writer, shape, entries[next] as Entry);
          }
          endAttribute(writer, list);
        },
      });
    }
  }

  /** Ends the transaction; nothing can be added afterwards. */
  finish(): Transaction {
    this.#writer.patchU16Host(this.#last.at + FLAGS_AT, this.#last.flags | Flag.ack);
    const acknowledged = this.#firstSequence + this.#subjects.length - 1;
    this.#message(BatchType.end, 0, "transaction", () => writeFamily(this.#writer, undefined, SUBSYSTEM));
    const octets = this.#writer.finish();
    const generationAt = this.#generationAt;
    return {
      octets,
      acknowledged,
      nextSequence: acknowledged + 2,
      subjectOf: (sequence) => this.#subjects[sequence - this.#firstSequence],
      rebase: (generation) =>
        new DataView(octets.buffer, octets.byteOffset, octets.length).setUint32(generationAt, generation),
    };
  }
}

/** A finished batch. */
export interface Transaction {
  readonly octets: Uint8Array;
  /** Sequence of the message whose acknowledgement says that all went well. */
  readonly acknowledged: number;
  /** The first sequence number that is free again. */
  readonly nextSequence: number;
  /** What a message was about; undefined for none of this transaction's. */
  subjectOf(sequence: number): string | undefined;
  /** Bases it on a later generation, in place. */
  rebase(generation: number): void;
}
