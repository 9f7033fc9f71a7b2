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
import type { Filter, Term } from "../bgp/filter/types.ts";
import type { BgpPieces, SessionPiece } from "../compile/bgp/pieces.ts";
import type { BgpFilter, FilterDirection, SecretRef } from "../compile/bgp/types.ts";
import { type CompileKey, keys } from "../compile/keys.ts";
import { type Family, familyOf } from "../ip/address.ts";
import type { PrefixCode } from "../ip/prefix-code.ts";
import { SessionCandidates } from "./session-candidates.ts";

/** linux/tcp.h TCP_MD5SIG_MAXKEYLEN. */
const MAX_PASSWORD_OCTETS = 80;

/** Gives the text of a secret; undefined where the node does not have it. */
export type Passwords = (ref: SecretRef) => string | undefined;

export interface SpeakerWish {
  /** Undefined: this node speaks no BGP, or not yet. */
  readonly config: SpeakerConfig | undefined;
  /** What keeps sessions from being, in words for people. */
  readonly reports: readonly string[];
}

interface Made {
  readonly inputs: readonly unknown[];
  readonly config: SessionConfig;
}

export class SpeakerPieces {
  readonly #pieces = new Map<CompileKey, BgpPieces>();
  readonly #sessions = new SessionCandidates();
  readonly #originated = new Map<PrefixCode, Map<CompileKey, Origination>>();
  readonly #filters = new Map<string, { readonly inputs: readonly unknown[]; readonly filter: Filter }>();
  readonly #made = new WeakMap<SessionPiece, Made>();

  /** What the key contributes from now on. Gives whether that is another thing than before. */
  set(source: CompileKey, pieces: BgpPieces | undefined): boolean {
    const before = this.#pieces.get(source);
    if (before === pieces || isDeepStrictEqual(before, pieces)) return false;
    if (pieces) this.#pieces.set(source, pieces);
    else this.#pieces.delete(source);
    this.#sessions.set(source, pieces?.sessions ?? []);
    for (const [prefix] of before?.originated ?? []) this.#withdraw(prefix, source);
    for (const [prefix, origination] of pieces?.originated ?? []) this.#announce(prefix, source, origination);
    return true;
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
    if (!router) return { config: undefined, reports: [] };
    const reports = [...this.#sessions.conflicts()];
    const sessions = new Map<string, SessionConfig>();
    for (const piece of this.#sessions.winners()) {
      const made = this.#session(piece, password, reports);
      if (made) sessions.set(made.name, made);
    }
    return { config: { ...router, sessions, originated: this.#announced() }, reports: [...new Set(reports)].sort() };
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

  #session(piece: SessionPiece, resolve: Passwords, reports: string[]): SessionConfig | undefined {
    const family = familyOf(piece.session.peer.address);
    const importFilter = this.#filter("import", family, piece, reports);
    const exportFilter = this.#filter("export", family, piece, reports);
    const password = piece.password && resolve(piece.password);
    const why = piece.password && unusable(piece.password, password);
    if (why !== undefined) {
      reports.push(`${piece.session.name} (${piece.about}) waits for its password: ${why}`);
      return undefined;
    }
    const inputs = [importFilter, exportFilter, password];
    const made = this.#made.get(piece);
    if (made && sameItems(made.inputs, inputs)) return made.config;
    const config = { ...piece.session, ...(password === undefined ? {} : { password }), importFilter, exportFilter };
    this.#made.set(piece, { inputs, config });
    return config;
  }

  /** One object for all sessions with the same policy, as long as nothing in it changes. */
  #filter(direction: FilterDirection, family: Family, { filters, about }: SessionPiece, reports: string[]): Filter {
    const policy = this.#pieces.get(keys.bgpExport)?.exportPolicy?.[family];
    const rules = filters.map((name) => this.#rules(name)?.[direction][family]);
    for (const [index, name] of filters.entries()) {
      if (rules[index] === undefined) reports.push(`${about} names BGPFilter(${name}), which does not exist`);
    }
    const inputs = direction === "export" ? [policy, ...rules] : rules;
    const key = `${direction} ${family} ${filters.join(" ")}`;
    const known = this.#filters.get(key);
    if (known && sameItems(known.inputs, inputs)) return known.filter;
    const named = filters.length === 0 ? "" : ` by ${filters.map((name) => `BGPFilter(${name})`).join(", ")}`;
    const terms: readonly Term[] = rules.flatMap((list) => list ?? []);
    const filter: Filter =
      direction === "import"
        ? { name: `import${named}`, terms, otherwise: "accept" }
        : {
            name: `export${named}`,
            terms: [...(policy?.before ?? []), ...terms, ...(policy?.after ?? [])],
            otherwise: "reject",
          };
    this.#filters.set(key, { inputs, filter });
    return filter;
  }

  #rules(name: string): BgpFilter["terms"] | undefined {
    return this.#pieces.get(keys.bgpFilter(name))?.filter;
  }
}

function unusable({ name, key }: SecretRef, password: string | undefined): string | undefined {
  const where = `/etc/calico/secrets/${name}/${key}`;
  if (password === undefined) return `write it to ${where} on this node`;
  const octets = Buffer.byteLength(password);
  if (octets > 0 && octets <= MAX_PASSWORD_OCTETS) return undefined;
  return `${where} has ${octets} octets, and TCP takes 1 to ${MAX_PASSWORD_OCTETS}`;
}

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);
