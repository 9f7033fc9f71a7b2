/**
 * Batches of the tables as octets, each once for all sessions that are given the same batch and agreed on the same form: what
 * a reflector with many clients does most. A client that some of the routes came from gets what was encoded for the others,
 * without the pieces that are its own.
 */
import type { DecodeContext, EncodeContext } from "../bgp/message/codec-context.ts";
import { encodeMessage } from "../bgp/message/message-codec.ts";
import { encodeAnnouncement, encodeEndOfRib, encodeWithdrawal } from "../bgp/message/update-encoder.ts";
import type { Announcement, Batch } from "../bgp/rib/types.ts";
import type { Family } from "../ip/address.ts";
import { familyOfCode, type PrefixCode } from "../ip/prefix-code.ts";
import { Writer } from "../wire/writer.ts";

export interface EncodedBatch {
  readonly octets: Uint8Array;
  readonly messages: number;
  /** Prefixes whose attributes leave no room for them in a message of this session (RFC 8654 section 4). */
  readonly unsendable: number;
}

/** RFC 7313: without it a peer would take the marks of a refresh for requests. */
export type BatchContext = EncodeContext & Pick<DecodeContext, "enhancedRouteRefresh">;

/** How far a batch was encoded when an announcement began: octets, messages, prefixes that cannot be sent. */
interface Mark {
  readonly octets: number;
  readonly messages: number;
  readonly unsendable: number;
}

interface Encoded extends EncodedBatch {
  /** Before each announcement, and behind the last. */
  readonly marks: readonly Mark[];
}

const families: readonly Family[] = [4, 6];

export class BatchEncoder {
  /** By batch, then by what was agreed on. */
  readonly #encoded = new WeakMap<Batch, (Encoded | undefined)[]>();

  encode(batch: Batch, context: BatchContext): EncodedBatch {
    const { partOf } = batch;
    return partOf ? encodePart(batch, this.#whole(partOf.whole, context), context) : this.#whole(batch, context);
  }

  #whole(batch: Batch, context: BatchContext): Encoded {
    const { fourOctetAs, extendedMessage, enhancedRouteRefresh } = context;
    const form = (fourOctetAs ? 1 : 0) + (extendedMessage ? 2 : 0) + (enhancedRouteRefresh ? 4 : 0);
    const known = this.#encoded.get(batch) ?? [];
    const encoded = known[form] ?? encodeWhole(batch, context);
    known[form] = encoded;
    this.#encoded.set(batch, known);
    return encoded;
  }
}

function encodeWhole(batch: Batch, context: BatchContext): Encoded {
  const encoding = new Encoding(context);
  encoding.begin(batch);
  const marks = batch.announced.map((announcement) => {
    const mark = encoding.mark;
    encoding.announce(announcement);
    return mark;
  });
  marks.push(encoding.mark);
  return { ...encoding.end(batch), marks };
}

function encodePart({ partOf, ...batch }: Batch, { octets, marks }: Encoded, context: BatchContext): EncodedBatch {
  const encoding = new Encoding(context);
  encoding.begin(batch);
  let from = 0;
  for (const to of [...(partOf?.without ?? []), marks.length - 1]) {
    const [first, behind] = [marks[from], marks[to]];
    if (first && behind) encoding.copy(octets, first, behind);
    from = to + 1;
  }
  return encoding.end(batch);
}

/** A batch as far as it is encoded. */
class Encoding {
  readonly #context: BatchContext;
  readonly #writer = new Writer(4096);
  #messages = 0;
  #unsendable = 0;

  constructor(context: BatchContext) {
    this.#context = context;
  }

  get mark(): Mark {
    return { octets: this.#writer.length, messages: this.#messages, unsendable: this.#unsendable };
  }

  /** What stands before announcements. */
  begin({ refreshing, withdrawn }: Batch): void {
    this.#refresh("begin", refreshing);
    for (const prefixes of byFamily(withdrawn)) {
      for (let from = 0; from < prefixes.length; this.#messages++)
        from = encodeWithdrawal(this.#writer, { prefixes, from }, this.#context);
    }
  }

  announce({ attributes, prefixes }: Announcement): void {
    for (let from = 0; from < prefixes.length; this.#messages++) {
      const next = encodeAnnouncement(this.#writer, attributes, { prefixes, from }, this.#context);
      if (next === from) {
        this.#unsendable += prefixes.length - from;
        return;
      }
      from = next;
    }
  }

  /** Announcements that were encoded before, between two marks. */
  copy(octets: Uint8Array, from: Mark, to: Mark): void {
    this.#writer.octets(octets.subarray(from.octets, to.octets));
    this.#messages += to.messages - from.messages;
    this.#unsendable += to.unsendable - from.unsendable;
  }

  /** What stands behind them. */
  end({ endOfRib, refreshed }: Batch): EncodedBatch {
    for (const family of endOfRib) encodeEndOfRib(this.#writer, family);
    this.#messages += endOfRib.length;
    this.#refresh("end", refreshed);
    return { octets: this.#writer.finish(), messages: this.#messages, unsendable: this.#unsendable };
  }

  #refresh(subtype: "begin" | "end", of: readonly Family[]): void {
    if (!this.#context.enhancedRouteRefresh) return;
    for (const family of of) this.#writer.octets(encodeMessage({ type: "routeRefresh", family, subtype }));
    this.#messages += of.length;
  }
}

const byFamily = (prefixes: readonly PrefixCode[]): (readonly PrefixCode[])[] => {
  const first = prefixes[0];
  if (first === undefined || prefixes.every((prefix) => typeof prefix === typeof first)) return [prefixes];
  return families.map((family) => prefixes.filter((prefix) => familyOfCode(prefix) === family));
};
