/**
 * Joins what compile keys contribute to the BGP speaker into its configuration:
 *
 *   router ──────────────┐
 *   sessions by end ─────┼─▶ SpeakerConfig
 *   export policy, rules ┤        ▲
 *   originated prefixes ─┘        └ passwords, asked for here so that no secret is part of the compile
 *
 * What did not change stays the very same object, filters included: a speaker compares by identity, and sessions with the
 * same policy share it.
 */
import { isDeepStrictEqual } from "node:util";
import type { Origination, SessionConfig, SpeakerConfig } from "../bgp/config.ts";
import type { BgpPieces, SessionPiece } from "../compile/bgp/pieces.ts";
import type { SecretRef } from "../compile/bgp/types.ts";
import { type CompileKey, keys } from "../compile/keys.ts";
import { familyOf } from "../ip/address.ts";
import type { PrefixCode } from "../ip/prefix-code.ts";
import { SessionCandidates } from "./session-candidates.ts";
import { SessionFilters } from "./session-filters.ts";

/** linux/tcp.h TCP_MD5SIG_MAXKEYLEN. */
const MAX_PASSWORD_OCTETS = 80;

/** Gives the text of a secret; undefined where the node does not have it. */
export type Passwords = (ref: SecretRef) => string | undefined;

export interface SpeakerWish {
  /** Undefined: this node speaks no BGP, or not yet. */
  readonly config: SpeakerConfig | undefined;
  /** What each session of it is made of. */
  readonly pieces: ReadonlyMap<string, SessionPiece>;
  /** What keeps sessions from being, in words for people. */
  readonly reports: readonly string[];
}

export class SpeakerPieces {
  readonly #pieces = new Map<CompileKey, BgpPieces>();
  readonly #sessions = new SessionCandidates();
  readonly #originated = new Map<PrefixCode, Map<CompileKey, Origination>>();
  readonly #filters = new SessionFilters();
  readonly #made = new WeakMap<SessionPiece, SessionConfig>();

  /** What the key contributes from now on. Gives whether that is another thing than before. */
  set(source: CompileKey, pieces: BgpPieces | undefined): boolean {
    const before = this.#pieces.get(source);
    if (before === pieces || isDeepStrictEqual(before, pieces)) return false;
    if (pieces) this.#pieces.set(source, pieces);
    else this.#pieces.delete(source);
    this.#sessions.set(source, pieces?.sessions ?? []);
    if (source === keys.bgpExport) this.#filters.setExportPolicy(pieces?.exportPolicy);
    if (before?.filter) this.#filters.setRules(before.filter.name, undefined);
    if (pieces?.filter) this.#filters.setRules(pieces.filter.name, pieces.filter.terms);
    for (const [prefix] of before?.originated ?? []) this.#withdraw(prefix, source);
    for (const [prefix, origination] of pieces?.originated ?? []) this.#announce(prefix, source, origination);
    return true;
  }

  /** What each key contributes now. */
  *[Symbol.iterator](): IterableIterator<readonly [CompileKey, BgpPieces]> {
    yield* this.#pieces;
  }

  #announce(prefix: PrefixCode, source: CompileKey, origination: Origination): void {
    const sources = this.#originated.get(prefix);
    if (sources) sources.set(source, origination);
    else this.#originated.set(prefix, new Map([[source, origination]]));
  }

  #withdraw(prefix: PrefixCode, source: CompileKey): void {
    const sources = this.#originated.get(prefix);
    sources?.delete(source);
    if (sources?.size === 0) this.#originated.delete(prefix);
  }

  wish(password: Passwords): SpeakerWish {
    const router = this.#pieces.get(keys.bgpRouter)?.router;
    if (!router) return { config: undefined, pieces: new Map(), reports: [] };
    const { winners, conflicts } = this.#sessions.choose();
    const reports = new Reports(conflicts);
    const sessions = new Map<string, SessionConfig>();
    const pieces = new Map<string, SessionPiece>();
    for (const [name, piece] of winners) {
      const made = this.#session(piece, password, reports);
      if (!made) continue;
      sessions.set(name, made);
      pieces.set(name, piece);
    }
    return { config: { ...router, sessions, originated: this.#announced() }, pieces, reports: reports.lines() };
  }

  /** Of several sources of one prefix the one that sorts first. */
  #announced(): ReadonlyMap<PrefixCode, Origination> {
    const announced = new Map<PrefixCode, Origination>();
    for (const [prefix, sources] of this.#originated) {
      const [first] = [...sources].sort(([a], [b]) => (a < b ? -1 : 1));
      if (first) announced.set(prefix, first[1]);
    }
    return announced;
  }

  #session(piece: SessionPiece, resolve: Passwords, reports: Reports): SessionConfig | undefined {
    const policy = this.#filters.policy(familyOf(piece.session.peer.address), piece.filters);
    for (const name of policy.missing) reports.say(`${piece.about} names BGPFilter(${name}), which does not exist`);
    const password = piece.password && resolve(piece.password);
    const why = piece.password && unusable(piece.password, password);
    if (why !== undefined) {
      reports.waits(piece, `for a password: ${why}`);
      return undefined;
    }
    const { importFilter, exportFilter } = policy;
    const made = this.#made.get(piece);
    const isSame = made?.importFilter === importFilter && made.exportFilter === exportFilter;
    if (isSame && made.password === password) return made;
    const config = { ...piece.session, ...(password === undefined ? {} : { password }), importFilter, exportFilter };
    this.#made.set(piece, config);
    return config;
  }
}

/** What thousands of sessions have in common is said once. */
class Reports {
  readonly #lines: Set<string>;
  readonly #waiting = new Map<string, string[]>();

  constructor(lines: Iterable<string>) {
    this.#lines = new Set(lines);
  }

  say(line: string): void {
    this.#lines.add(line);
  }

  waits({ session, about }: SessionPiece, why: string): void {
    const reason = `of ${about}: waiting ${why}`;
    const names = this.#waiting.get(reason);
    if (names) names.push(session.name);
    else this.#waiting.set(reason, [session.name]);
  }

  lines(): readonly string[] {
    const waiting = [...this.#waiting].map(([reason, names]) => {
      const [first = ""] = names.sort();
      return `${first}${names.length > 1 ? ` and ${names.length - 1} more` : ""} ${reason}`;
    });
    return [...this.#lines, ...waiting].sort();
  }
}

function unusable({ name, key }: SecretRef, password: string | undefined): string | undefined {
  const where = `/etc/calico/secrets/${name}/${key}`;
  if (password === undefined) return `write it to ${where} on this node`;
  const octets = Buffer.byteLength(password);
  if (octets > 0 && octets <= MAX_PASSWORD_OCTETS) return undefined;
  return `${where} has ${octets} octets, and TCP takes 1 to ${MAX_PASSWORD_OCTETS}`;
}
