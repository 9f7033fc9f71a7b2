/**
 * What compile keys contribute to the speaker's configuration. Policy that all sessions share (what this node announces,
 * the rules of a BGPFilter) is a piece of its own, so that a change of it compiles no session again.
 */
import type { Origination, SessionConfig, SpeakerConfig } from "../../bgp/config.ts";
import type { Term } from "../../bgp/filter/types.ts";
import type { Family } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import type { BgpFilter, SecretRef } from "./types.ts";

export interface BgpPieces {
  readonly router?: RouterPiece;
  readonly sessions?: readonly SessionPiece[];
  readonly originated?: readonly (readonly [PrefixCode, Origination])[];
  readonly exportPolicy?: ExportPolicy;
  readonly filter?: Pick<BgpFilter, "name" | "terms">;
}

export type RouterPiece = Omit<SpeakerConfig, "sessions" | "originated">;

export interface SessionPiece {
  readonly session: Omit<SessionConfig, "importFilter" | "exportFilter" | "password">;
  readonly password: SecretRef | undefined;
  /** Names of BGPFilters, in order. */
  readonly filters: readonly string[];
  /** Which of several that lead to one address and port is used: the lowest. */
  readonly rank: SessionRank;
  /** `BGPPeer(rr)`, `the node-to-node mesh`. */
  readonly about: string;
  /** The other end, where a node was meant and not an address. */
  readonly node: string | undefined;
}

/** What is said for all nodes beats what is said for one, that beats what only answers another's peering (control plane 6.2). */
export const SessionRank = { global: 0, node: 1, reverse: 2, mesh: 3 } as const;
export type SessionRank = (typeof SessionRank)[keyof typeof SessionRank];

/** What is exported, around the BGPFilters of a session. */
export type ExportPolicy = Readonly<Record<Family, FamilyPolicy>>;

export interface FamilyPolicy {
  readonly before: readonly Term[];
  readonly after: readonly Term[];
  /** The LOCAL_PREF of local routes of normal priority: what peers tell with a higher one is elevated. */
  readonly normalLocalPref: number;
}
