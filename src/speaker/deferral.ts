/**
 * A speaker that has restarted, and whose host goes on forwarding as before, chooses no routes until its peers have told theirs
 * (RFC 4724 section 4.1): or it would withdraw what it is about to learn. Peers that do not say when they are through, or that
 * have restarted too, are not waited for, and nobody for ever.
 */
import type { SessionConfig } from "../bgp/config.ts";
import type { Negotiated } from "../bgp/session/negotiate.ts";
import type { Family } from "../ip/address.ts";

export class Deferral {
  /** Families that each session has yet to end. */
  readonly #awaited: Map<string, Set<Family>>;

  constructor(sessions: Iterable<SessionConfig>) {
    this.#awaited = new Map([...sessions].map(({ name, families }) => [name, new Set(families)]));
  }

  /** Nobody is waited for. */
  get isOver(): boolean {
    return this.#awaited.size === 0;
  }

  get waitsFor(): readonly string[] {
    return [...this.#awaited.keys()];
  }

  established(name: string, { gracefulRestart, families }: Negotiated): void {
    if (!gracefulRestart || gracefulRestart.isRestarting) this.#awaited.delete(name);
    for (const family of this.#awaited.get(name) ?? []) if (!families.includes(family)) this.ended(name, family);
  }

  /** The End-of-RIB of a family. */
  ended(name: string, family: Family): void {
    const families = this.#awaited.get(name);
    families?.delete(family);
    if (families?.size === 0) this.#awaited.delete(name);
  }

  /** The session is configured no longer. */
  removed(name: string): void {
    this.#awaited.delete(name);
  }

  /** The time is over. */
  giveUp(): void {
    this.#awaited.clear();
  }
}
