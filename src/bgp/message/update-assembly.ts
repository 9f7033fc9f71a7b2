/** An UPDATE put together from its attributes and prefixes, as RFC 7606 has it where the attributes are not as they should be. */
import type { Family } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import { attributeError, updateError } from "./attribute-decoder.ts";
import type { AttributeDraft, MpPrefixes } from "./attribute-draft.ts";
import type { AttributeForm } from "./attribute-form.ts";
import { attributeName } from "./attribute-rows.ts";
import type { DecodeContext } from "./codec-context.ts";
import { AttributeCode, UpdateError } from "./iana.ts";
import type { NextHops } from "./next-hop.ts";
import { readPrefixes } from "./nlri.ts";
import type { AttributeSet, Update } from "./types.ts";

/** What an UPDATE says outside of its attributes, and the octets that those point into. */
export interface UpdateFields {
  readonly octets: Uint8Array;
  /** IPv4 all. */
  readonly withdrawn: readonly PrefixCode[];
  readonly announced: readonly PrefixCode[];
  /** By which the attributes may be remembered. */
  readonly form: AttributeForm | undefined;
}

/** Prefixes with the next hop that is theirs; none where the attribute that should tell it is missing or malformed. */
interface Announcement {
  readonly hops: NextHops | undefined;
  readonly prefixes: readonly PrefixCode[];
}

const NONE: readonly never[] = Object.freeze([]);

/** Throws BgpDecodeError `badUpdate` where the session must end. */
export function assembleUpdate(draft: AttributeDraft, fields: UpdateFields, context: DecodeContext): Update {
  const isPlainCarried = context.families.includes(4);
  const isPlainUsed = fields.withdrawn.length > 0 || fields.announced.length > 0;
  if (isPlainUsed && !isPlainCarried) {
    draft.report(0, "discard", "IPv4 prefixes, which this session does not carry (RFC 4760 section 8)");
  }
  const plainWithdrawn = isPlainCarried ? fields.withdrawn : NONE;
  const unreach = draft.unreach ? mpPrefixes(fields.octets, draft.unreach) : NONE;
  const withdrawn = unreach.length === 0 ? plainWithdrawn : [...plainWithdrawn, ...unreach];
  const announcements = announcementsOf(draft, fields, isPlainCarried);
  if (draft.isWithdrawn && fields.announced.length === 0 && !draft.hasReach) throw unlocated(draft);
  const announced = draft.isWithdrawn ? undefined : announcedOf(draft, announcements, fields.form, context);
  if (!announced) {
    const all = [...withdrawn, ...announcements.flatMap(({ prefixes }) => prefixes)];
    return { type: "update", withdrawn: all, announced: NONE, malformed: draft.malformed };
  }
  const endOfRib = isPlainUsed || unreach.length > 0 ? undefined : endOfRibOf(draft);
  const update: Update = { type: "update", withdrawn, announced, malformed: draft.malformed };
  return endOfRib === undefined ? update : { ...update, endOfRib };
}

/** The prefixes of MP_REACH_NLRI or MP_UNREACH_NLRI. Throws BgpDecodeError `badUpdate` (RFC 7606 sections 3 j and 5.3). */
export function mpPrefixes(octets: Uint8Array, { field, family, prefixes: span }: MpPrefixes): readonly PrefixCode[] {
  const prefixes = readPrefixes(octets, span, family);
  if (typeof prefixes !== "number") return prefixes;
  const what = `prefix of length ${octets[prefixes]} at octet ${prefixes} of the message`;
  throw attributeError(field, what, UpdateError.optionalAttribute);
}

function announcementsOf(draft: AttributeDraft, fields: UpdateFields, isPlainCarried: boolean): Announcement[] {
  const found: Announcement[] = [];
  if (fields.announced.length > 0 && isPlainCarried) {
    const hops = draft.nextHop === undefined ? undefined : { nextHop: draft.nextHop, linkLocalNextHop: undefined };
    found.push({ hops, prefixes: fields.announced });
  }
  const prefixes = draft.reach ? mpPrefixes(fields.octets, draft.reach) : NONE;
  if (draft.reach && prefixes.length > 0) found.push({ hops: draft.reach, prefixes });
  return found;
}

/** Undefined where a mandatory attribute is missing, which the draft then reports (RFC 7606 section 3 d). */
function announcedOf(
  draft: AttributeDraft,
  announcements: readonly Announcement[],
  form: AttributeForm | undefined,
  { attributes: table }: DecodeContext,
): Update["announced"] | undefined {
  const announced: { attributes: AttributeSet; prefixes: readonly PrefixCode[] }[] = [];
  const isClean = draft.malformed.length === 0 && announcements.length === 1 && !draft.unreach;
  for (const { hops, prefixes } of announcements) {
    const set = hops && draft.finish(hops);
    if (!set) {
      const code = draft.missing ?? AttributeCode.nextHop;
      draft.report(code, "withdraw", `${attributeName(code)} is missing (RFC 7606 section 3 d)`);
      return undefined;
    }
    const attributes = form && isClean ? table.remember(form.kind, form.octets, set) : table.intern(set);
    announced.push({ attributes, prefixes });
  }
  return announced.length === 0 ? NONE : announced;
}

/** RFC 7606 section 5.2: nobody can be sure that the prefixes were found when there are none. */
function unlocated({ malformed }: AttributeDraft): Error {
  const why = malformed.find(({ action }) => action === "withdraw")?.why;
  return updateError("attributes", `${why}, and there are no routes to withdraw (RFC 7606 section 5.2)`, 0);
}

/** RFC 4724 section 2: an UPDATE with nothing in it, or with nothing but MP_UNREACH_NLRI without prefixes. */
function endOfRibOf(draft: AttributeDraft): Family | undefined {
  if (!draft.isUnreachOnly || draft.malformed.length > 0) return undefined;
  return draft.unreach ? draft.unreach.family : 4;
}
