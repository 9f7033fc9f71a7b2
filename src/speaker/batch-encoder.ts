/**
 * Batches of the tables as octets, each once for all sessions that are given the same batch and agreed on the same form: what
 * a reflector with many clients does most.
 */
import type { DecodeContext, EncodeContext } from "../bgp/message/codec-context.ts";
import { encodeMessage } from "../bgp/message/message-codec.ts";
import { encodeAnnouncement, encodeEndOfRib, encodeWithdrawal } from "../bgp/message/update-encoder.ts";
import type { Batch } from "../bgp/rib/types.ts";
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

const families: readonly Family[] = [4, 6];

export class BatchEncoder {
  /** By batch, then by what was agreed on. */
  readonly #encoded = new WeakMap<Batch, (EncodedBatch | undefined)[]>();

  encode(batch: Batch, context: BatchContext): EncodedBatch {
    const { fourOctetAs, extendedMessage, enhancedRouteRefresh } = context;
    const form = (fourOctetAs ? 1 : 0) + (extendedMessage ? 2 : 0) + (enhancedRouteRefresh ? 4 : 0);
    const known = this.#encoded.get(batch) ?? [];
    const encoded = known[form] ?? encodeBatch(batch, context);
    known[form] = encoded;
    this.#encoded.set(batch, known);
    return encoded;
  }
}

function encodeBatch(batch: Batch, context: BatchContext): EncodedBatch {
  const writer = new Writer(4096);
  const refresh = (subtype: "begin" | "end", of: readonly Family[]): number => {
    if (!context.enhancedRouteRefresh) return 0;
    for (const family of of) writer.octets(encodeMessage({ type: "routeRefresh", family, subtype }));
    return of.length;
  };
  let messages = refresh("begin", batch.refreshing);
  let unsendable = 0;
  for (const prefixes of byFamily(batch.withdrawn)) {
    for (let from = 0; from < prefixes.length; messages++) from = encodeWithdrawal(writer, { prefixes, from }, context);
  }
  for (const { attributes, prefixes } of batch.announced) {
    for (let from = 0; from < prefixes.length; ) {
      const next = encodeAnnouncement(writer, attributes, { prefixes, from }, context);
      if (next === from) {
        unsendable += prefixes.length - from;
        break;
      }
      messages++;
      from = next;
    }
  }
  for (const family of batch.endOfRib) encodeEndOfRib(writer, family);
  messages += batch.endOfRib.length + refresh("end", batch.refreshed);
  return { octets: writer.finish(), messages, unsendable };
}

const byFamily = (prefixes: readonly PrefixCode[]): (readonly PrefixCode[])[] => {
  const first = prefixes[0];
  if (first === undefined || prefixes.every((prefix) => typeof prefix === typeof first)) return [prefixes];
  return families.map((family) => prefixes.filter((prefix) => familyOfCode(prefix) === family));
};
