/**
 * A block of path attributes (RFC 4271 section 4.3), with RFC 7606's view of errors: an attribute that is wrong is set
 * aside, or the routes are withdrawn, or the session ends (BgpDecodeError).
 *
 *     | flags | code | length: 1, or 2 with flag extended length | value | flags | …
 */
import { AttributeDraft, type AttributeField, type AttributeRow, categoryFlags } from "./attribute-draft.ts";
import { attributeName, attributeRow } from "./attribute-rows.ts";
import type { DecodeContext } from "./codec-context.ts";
import { BgpDecodeError, notification } from "./errors.ts";
import { AttributeCode, AttributeFlag, ErrorCode, UpdateError } from "./iana.ts";
import type { Span } from "./nlri.ts";
import type { OpaqueAttribute } from "./types.ts";

const CATEGORY_BITS = AttributeFlag.optional | AttributeFlag.transitive;

/** Reads the attributes of an UPDATE; the view is of the whole message. Throws BgpDecodeError `badUpdate`. */
export function readAttributes(view: DataView, { at, end }: Span, context: DecodeContext): AttributeDraft {
  const draft = new AttributeDraft();
  const seen = new SeenCodes();
  for (let headAt = at; headAt < end; ) {
    const field = readField(view, headAt, end);
    if (typeof field === "string") {
      // RFC 7606 section 4: the total length still tells where the prefixes are.
      draft.report(end - headAt > 1 ? view.getUint8(headAt + 1) : 0, "withdraw", `${field} (RFC 7606 section 4)`);
      draft.isUnreachOnly = false;
      break;
    }
    if (field.code !== AttributeCode.mpUnreachNlri) draft.isUnreachOnly = false;
    if (seen.add(field.code)) readAttribute(field, draft, context);
    else repeated(field, draft);
    headAt = field.at + field.length;
  }
  return draft;
}

/** Finds the value behind the header at `headAt`, or says why there is none before `end`. */
export function readField(view: DataView, headAt: number, end: number): AttributeField | string {
  const flags = view.getUint8(headAt);
  const isLong = (flags & AttributeFlag.extendedLength) !== 0;
  const at = headAt + (isLong ? 4 : 3);
  if (at > end) return `${end - headAt} octets left where an attribute begins`;
  const length = isLong ? view.getUint16(headAt + 2) : view.getUint8(headAt + 2);
  const code = view.getUint8(headAt + 1);
  if (length > end - at) return `${attributeName(code)} of ${length} octets with ${end - at} left`;
  return { view, code, flags, headAt, at, length };
}

function readAttribute(field: AttributeField, draft: AttributeDraft, context: DecodeContext): void {
  const row = attributeRow(field.code);
  if (!row) {
    readUnknown(field, draft);
    return;
  }
  if (field.code === AttributeCode.mpReachNlri) draft.hasReach = true;
  if (row.isInternalOnly && context.peerType === "external") {
    draft.report(field.code, "discard", `${row.name} from an external peer (${row.malformedRfc})`);
    return;
  }
  if (((field.flags ^ categoryFlags[row.category]) & CATEGORY_BITS) !== 0) {
    const action = row.malformed === "discard" ? "discard" : "withdraw";
    draft.report(field.code, action, `${row.name} with flags 0x${field.flags.toString(16)} (RFC 7606 section 3 c)`);
    // Prefixes are read nevertheless, to be withdrawn.
    if (row.malformed !== "reset") return;
  }
  const wrong = row.fits(field.length, context) ? row.decode(field, draft, context) : `${field.length} octets`;
  if (wrong !== undefined) malformed(field, row, wrong, draft);
  else if ((field.flags & AttributeFlag.partial) !== 0 && row.category === "optionalTransitive") {
    draft.partial = [...draft.partial, field.code].sort((a, b) => a - b);
  }
}

function malformed(field: AttributeField, row: AttributeRow, wrong: string, draft: AttributeDraft): void {
  const why = `${row.name}: ${wrong} (${row.malformedRfc})`;
  if (row.malformed === "reset") throw attributeError(field, why, UpdateError.optionalAttribute);
  draft.report(field.code, row.malformed, why);
}

/** RFC 4271 section 9, and 6.3 for one that claims to be well-known. */
function readUnknown(field: AttributeField, draft: AttributeDraft): void {
  const { view, code, flags, at, length } = field;
  if ((flags & AttributeFlag.optional) === 0) {
    throw attributeError(
      field,
      "well-known, but unknown here (RFC 4271 section 6.3)",
      UpdateError.unrecognizedWellKnown,
    );
  }
  if ((flags & AttributeFlag.transitive) === 0) return;
  const kept: OpaqueAttribute = {
    code,
    flags: CATEGORY_BITS | AttributeFlag.partial,
    octets: new Uint8Array(view.buffer, view.byteOffset + at, length).slice(),
  };
  draft.opaque = [...draft.opaque, kept].sort((a, b) => a.code - b.code);
}

/** RFC 7606 section 3 g: the first one counts; of those with prefixes there may be one. */
function repeated(field: AttributeField, draft: AttributeDraft): void {
  const why = `${attributeName(field.code)} appears twice (RFC 7606 section 3 g)`;
  if (attributeRow(field.code)?.malformed === "reset") throw updateError("attributes", why, field.headAt);
  draft.report(field.code, "discard", why);
}

/** An error in one attribute, which the NOTIFICATION carries whole (RFC 4271 section 6.3). */
export function attributeError(field: AttributeField, what: string, subcode: number): BgpDecodeError {
  const { view, headAt, at, length } = field;
  const octets = new Uint8Array(view.buffer, view.byteOffset + headAt, at - headAt + length);
  return new BgpDecodeError("badUpdate", what, {
    field: `update.attributes.${attributeName(field.code)}`,
    offset: headAt,
    notification: notification(ErrorCode.updateMessage, subcode, octets),
  });
}

/** An error that belongs to no single attribute. */
export function updateError(
  field: string,
  what: string,
  offset: number,
  subcode: number = UpdateError.malformedAttributeList,
): BgpDecodeError {
  const answer = notification(ErrorCode.updateMessage, subcode);
  return new BgpDecodeError("badUpdate", what, { field: `update.${field}`, offset, notification: answer });
}

/** Attribute codes met in a block: those below 32, which is nearly all there are, as bits of a number. */
class SeenCodes {
  #low = 0;
  #high: number[] | undefined = undefined;

  /** Whether the code is new. */
  add(code: number): boolean {
    if (code < 32) {
      const isNew = (this.#low & (1 << code)) === 0;
      this.#low |= 1 << code;
      return isNew;
    }
    this.#high ??= [];
    if (this.#high.includes(code)) return false;
    this.#high.push(code);
    return true;
  }
}
