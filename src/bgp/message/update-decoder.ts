/**
 * UPDATE (RFC 4271 section 4.3).
 *
 *     19                  21
 *     | withdrawn octets:2 | withdrawn prefixes | attribute octets:2 | attributes | prefixes |
 *
 * A block of attributes is decoded once: the next message with the same octets gets the set that the table remembers
 * (`attribute-form.ts`). Everything else is `update-assembly.ts`.
 */
import type { PrefixCode } from "../../ip/prefix-code.ts";
import { readAttributes, updateError } from "./attribute-decoder.ts";
import { type AttributeForm, leadingReachForm, plainForm } from "./attribute-form.ts";
import type { DecodeContext } from "./codec-context.ts";
import { HEADER_OCTETS } from "./header.ts";
import { UpdateError } from "./iana.ts";
import { readPrefixes, type Span } from "./nlri.ts";
import type { Update } from "./types.ts";
import { assembleUpdate, mpPrefixes } from "./update-assembly.ts";

/** Where the three parts of an UPDATE are. */
interface Layout {
  readonly withdrawn: Span;
  readonly attributes: Span;
  readonly nlri: Span;
}

const NONE: readonly never[] = Object.freeze([]);

/** Throws BgpDecodeError `badUpdate` where the session must end. */
export function decodeUpdate(octets: Uint8Array, view: DataView, context: DecodeContext): Update {
  const layout = layoutOf(view);
  const withdrawn = plainPrefixes(octets, layout.withdrawn, "withdrawn");
  const announced = plainPrefixes(octets, layout.nlri, "nlri");
  const form = formOf(view, layout.attributes, announced.length > 0, context);
  const attributes = form && context.attributes.recall(form.kind, form.octets);
  if (!attributes) {
    const draft = readAttributes(view, layout.attributes, context);
    return assembleUpdate(draft, { octets, withdrawn, announced, form }, context);
  }
  const prefixes = form.reach ? mpPrefixes(octets, form.reach) : announced;
  return {
    type: "update",
    withdrawn,
    announced: prefixes.length === 0 ? NONE : [{ attributes, prefixes }],
    malformed: NONE,
  };
}

function formOf(view: DataView, span: Span, isPlain: boolean, context: DecodeContext): AttributeForm | undefined {
  if (span.at === span.end) return undefined;
  // IPv4 prefixes on a session without IPv4 are looked at one message at a time.
  if (isPlain) return context.families.includes(4) ? plainForm(view, span, context) : undefined;
  return leadingReachForm(view, span, context);
}

function layoutOf(view: DataView): Layout {
  const withdrawnAt = HEADER_OCTETS + 2;
  const withdrawnEnd = withdrawnAt + view.getUint16(HEADER_OCTETS);
  if (withdrawnEnd + 2 > view.byteLength) {
    throw updateError("withdrawn.length", `${withdrawnEnd - withdrawnAt} octets exceed the message`, HEADER_OCTETS);
  }
  const attributesAt = withdrawnEnd + 2;
  const attributesEnd = attributesAt + view.getUint16(withdrawnEnd);
  if (attributesEnd > view.byteLength) {
    throw updateError("attributes.length", `${attributesEnd - attributesAt} octets exceed the message`, withdrawnEnd);
  }
  return {
    withdrawn: { at: withdrawnAt, end: withdrawnEnd },
    attributes: { at: attributesAt, end: attributesEnd },
    nlri: { at: attributesEnd, end: view.byteLength },
  };
}

/** RFC 7606 sections 3 j and 5.3: without its prefixes nothing can be made of an UPDATE. */
function plainPrefixes(octets: Uint8Array, span: Span, field: string): readonly PrefixCode[] {
  if (span.at === span.end) return NONE;
  const prefixes = readPrefixes(octets, span, 4);
  if (typeof prefixes !== "number") return prefixes;
  throw updateError(field, `prefix of length ${octets[prefixes]}`, prefixes, UpdateError.invalidNetworkField);
}
